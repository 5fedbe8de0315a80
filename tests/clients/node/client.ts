// A program of a client developer: types by openapi-typescript, calls by openapi-fetch. It is type-checked with
// --strict and then run against a hub. The lines marked @ts-expect-error are tests too: should the types become too
// loose to catch the mistake in them, the compiler fails on the unused mark.
import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./hub.js";

type Project = components["schemas"]["Project"];

const baseUrl = process.env["HUB_URL"];
const key = process.env["HUB_KEY"];
assert(baseUrl && key, "HUB_URL and HUB_KEY are not set");

function client(token: string) {
  return createClient<paths>({ baseUrl: baseUrl!, headers: { Authorization: `Bearer ${token}` } });
}

const admin = client(key);

async function createsAndLists(): Promise<void> {
  const created = await admin.POST("/api/projects", {
    body: { name: "typescript", repository: "https://git.example/typescript" },
  });
  assert.equal(created.response.status, 200, JSON.stringify(created.error));
  const project: Project = created.data!;
  assert.equal(project.name, "typescript");
  assert.equal(project.archived, false);
  assert(!Number.isNaN(Date.parse(project.createdAt)));

  const listed = await admin.GET("/api/projects", { params: { query: { name: "typescript", limit: 10 } } });
  assert.equal(listed.response.status, 200, JSON.stringify(listed.error));
  const ids: string[] = listed.data!.items.map((item) => item.id);
  assert.deepEqual(ids, [project.id]);

  const got = await admin.GET("/api/projects/{projectId}", { params: { path: { projectId: project.id } } });
  assert.deepEqual(got.data, project);

  const missing = await admin.GET("/api/projects/{projectId}", { params: { path: { projectId: "nobody" } } });
  assert.equal(missing.response.status, 404);
  assert.equal(missing.error!.code, "PROJECT_NOT_FOUND");

  const twice = await admin.POST("/api/projects", {
    body: { name: "typescript", repository: "https://git.example/again" },
  });
  assert.equal(twice.response.status, 409);
  assert.equal(twice.error!.code, "PROJECT_EXISTS");
}

async function namesEachFault(): Promise<void> {
  const refused = await admin.POST("/api/projects", { body: { name: "", repository: "not an address" } });
  assert.equal(refused.response.status, 422);
  const problem = refused.error!;
  assert.equal(problem.code, "VALIDATION_ERROR");
  const { faults } = problem.details as { faults: { pointer: string; message: string }[] };
  assert.deepEqual(faults.map((fault) => fault.pointer).sort(), ["/name", "/repository"]);
}

async function refusesWhatTheKeyMayNot(): Promise<void> {
  const issued = await admin.POST("/api/keys", { body: { name: "reader", scopes: ["project:read"] } });
  assert.equal(issued.response.status, 200, JSON.stringify(issued.error));
  const reader = client(issued.data!.token);
  assert.equal((await reader.GET("/api/projects")).response.status, 200);
  const refused = await reader.POST("/api/projects", {
    body: { name: "forbidden", repository: "https://git.example/forbidden" },
  });
  assert.equal(refused.response.status, 403);
  assert.equal(refused.error!.code, "ACCESS_DENIED");

  const stranger = client("alk_nobody00000000000_" + "0".repeat(64));
  assert.equal((await stranger.GET("/api/projects")).response.status, 401);
}

async function reachesOperationsById(): Promise<void> {
  const called = await admin.POST("/api/call", { body: { operationId: "hub.info", input: {} } });
  assert.equal(called.response.status, 200, JSON.stringify(called.error));
  assert.equal(called.data!.meta.source, "local");
}

async function streams(): Promise<void> {
  const watched = await admin.GET("/api/watch", {
    params: { query: { intervalMs: 100, count: 2 } },
    parseAs: "text",
  });
  assert.equal(watched.response.status, 200);
  assert.match(watched.response.headers.get("content-type") ?? "", /^text\/event-stream/);
  const frames = String(watched.data).split("\n").filter((line) => line.startsWith("data:"));
  assert.equal(frames.length, 2);
  for (const frame of frames) assert.equal(typeof JSON.parse(frame.slice(5)).uptimeMs, "number");
}

// Never called; the compiler is who reads it.
export async function mistakes(): Promise<void> {
  // @ts-expect-error: `repository` is required
  await admin.POST("/api/projects", { body: { name: "a" } });
  // @ts-expect-error: `limit` is a number
  await admin.GET("/api/projects", { params: { query: { limit: "ten" } } });
  // @ts-expect-error: there is no such route
  await admin.GET("/api/nothing");
  const { data } = await admin.GET("/api/projects");
  // @ts-expect-error: a project has no such property
  void data?.items[0]?.colour;
}

for (const check of [createsAndLists, namesEachFault, refusesWhatTheKeyMayNot, reachesOperationsById, streams]) {
  await check();
  console.log(`ok ${check.name}`);
}
