// The official TypeScript SDKs of OpenAI and Anthropic against a hub: HUB, KEY and MODELS come from the environment.

import assert from "node:assert/strict";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";

const { HUB, KEY, MODELS } = process.env;
const messages = [{ role: "user", content: "Hi" }];
const schema = { type: "object", properties: { city: { type: "string" } } };

async function viaOpenAi(model, name) {
  const client = new OpenAI({ baseURL: `${HUB}/v1`, apiKey: KEY, maxRetries: 0 });
  const said = await client.chat.completions.create({ model, messages });
  assert.equal(said.choices[0].message.content, `Hello from ${name}`);
  let text = "";
  for await (const chunk of await client.chat.completions.create({ model, messages, stream: true })) {
    text += chunk.choices[0]?.delta?.content ?? "";
  }
  assert.equal(text, `Hello from ${name}`);
  const tools = [{ type: "function", function: { name: "get_weather", parameters: schema } }];
  const called = await client.chat.completions.create({ model, messages, tools });
  assert.deepEqual(JSON.parse(called.choices[0].message.tool_calls[0].function.arguments), { city: "Paris" });
  const response_format = { type: "json_schema", json_schema: { name: "answer", schema: { type: "object" } } };
  const formed = await client.chat.completions.create({ model, messages, response_format });
  assert.deepEqual(JSON.parse(formed.choices[0].message.content), { answer: 42 });
  await assert.rejects(client.chat.completions.create({ model: "nobody/m", messages }), OpenAI.NotFoundError);
}

async function viaAnthropic(model, name) {
  const client = new Anthropic({ baseURL: HUB, apiKey: KEY, maxRetries: 0 });
  const request = { model, max_tokens: 50, messages };
  const said = await client.messages.create(request);
  assert.equal(said.content[0].text, `Hello from ${name}`);
  const final = await client.messages.stream(request).finalMessage();
  assert.equal(final.content[0].text, `Hello from ${name}`);
  const tools = [{ name: "get_weather", input_schema: schema }];
  const called = await client.messages.stream({ ...request, tools }).finalMessage();
  assert.deepEqual(called.content[0].input, { city: "Paris" });
  await assert.rejects(client.messages.create({ ...request, model: "nobody/m" }), Anthropic.NotFoundError);
}

for (const model of MODELS.split(",")) {
  const name = model.split("/")[1];
  await viaOpenAi(model, name);
  console.log("openai");
  await viaAnthropic(model, name);
  console.log("anthropic");
}
