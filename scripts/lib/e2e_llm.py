"""Asks a real model through the hub, and checks what comes back and what the hub says was used."""

import json
import os
import time
import urllib.request

import openai

HUB, KEY, MODEL = os.environ["HUB"], os.environ["KEY"], os.environ["MODEL"]
ASKED = [{"role": "user", "content": "Say hello in one short sentence."}]


def hub(method: str, path: str, body: object = None, key: str = KEY) -> dict:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{HUB}{path}", data, {"authorization": f"Bearer {key}", "content-type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)


hub("POST", "/api/providers", {"name": "local", "kind": "openai-compatible", "baseUrl": MODEL, "models": ["smollm2"]})
tested = hub("POST", "/api/providers/local/test", {})
assert tested["ok"], tested
caller = hub("POST", "/api/keys", {"name": "e2e", "scopes": ["llm:invoke"]})["token"]
client = openai.OpenAI(base_url=f"{HUB}/v1", api_key=caller, max_retries=0)

whole = client.chat.completions.create(model="local/smollm2", messages=ASKED, max_tokens=40, temperature=0)
assert whole.choices[0].message.content and whole.usage and whole.usage.completion_tokens > 0, whole
print(f"chat: {whole.choices[0].message.content!r} ({whole.usage.completion_tokens} tokens)")

chunks = list(client.chat.completions.create(model="smollm2", messages=ASKED, max_tokens=40, temperature=0, stream=True))
streamed = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
assert streamed and len(chunks) > 2, chunks
print(f"chat, streamed: {streamed!r} ({len(chunks)} chunks)")

message = hub("POST", "/v1/messages", {"model": "local/smollm2", "max_tokens": 40, "messages": ASKED}, caller)
assert message["content"][0]["text"] and message["usage"]["output_tokens"] > 0, message
print(f"messages, translated: {message['content'][0]['text']!r}")

vectors = client.embeddings.create(model="local/smollm2", input="hello", encoding_format="float")
assert vectors.data and vectors.data[0].embedding, vectors
print(f"embeddings: {len(vectors.data[0].embedding)} numbers")

# Settlements are written a moment after the answer.
deadline = time.monotonic() + 30
while len(used := hub("GET", "/api/usage")["items"]) < 4:
    assert time.monotonic() < deadline, used
    time.sleep(0.05)
assert all(line["status"] == "ok" and line["inputTokens"] > 0 for line in used), used
estimated = sum(line["estimated"] for line in used)
print(f"a real model answered through the hub: {len(used)} requests, {sum(line['outputTokens'] for line in used)} tokens of answers, {estimated} counted by the hub itself")
