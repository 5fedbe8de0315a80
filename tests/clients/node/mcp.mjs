// The official TypeScript client against /mcp: version 1 of the SDK, and version 2 by the older way and by the newest.
import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'

const { HUB_URL, HUB_KEY, CUT_URL } = process.env
const way = process.argv[2]
const headers = { Authorization: `Bearer ${HUB_KEY}` }

async function connect(base) {
  const options = { requestInit: { headers }, reconnectionOptions: { initialReconnectionDelay: 50, maxReconnectionDelay: 500, reconnectionDelayGrowFactor: 1.5, maxRetries: 5 } }
  const name = { name: 'test', version: '1' }
  if (way === 'v1') {
    const { Client } = await import('@modelcontextprotocol/sdk/client/index.js')
    const { StreamableHTTPClientTransport } = await import('@modelcontextprotocol/sdk/client/streamableHttp.js')
    const client = new Client(name)
    await client.connect(new StreamableHTTPClientTransport(new URL(`${base}/mcp`), options))
    return { client, callTool: (params, options) => client.callTool(params, undefined, options) }
  }
  const { Client, StreamableHTTPClientTransport } = await import('@modelcontextprotocol/client')
  const client = new Client(name, way === 'v2' ? {} : { versionNegotiation: { mode: { pin: '2026-07-28' } } })
  await client.connect(new StreamableHTTPClientTransport(new URL(`${base}/mcp`), options))
  return { client, callTool: (params, options) => client.callTool(params, options) }
}

async function running() {
  const page = await (await fetch(`${HUB_URL}/metrics`, { headers })).text()
  return Number(/^alkhub_calls_running (\S+)/m.exec(page)[1])
}

async function until(condition) {
  for (const end = Date.now() + 30_000; !(await condition()); await pause(20)) assert(Date.now() < end)
}

const watch = (count) => ({ name: 'call', arguments: { operationId: 'hub.watch', input: { intervalMs: 100, count } } })

const { client, callTool } = await connect(HUB_URL)
const { tools } = await client.listTools()
for (const name of ['search', 'schema', 'call', 'batch']) assert(tools.some((tool) => tool.name === name))
console.log('lists')

const found = await callTool({ name: 'search', arguments: { query: 'create a project' } })
assert.equal(found.structuredContent.operations[0].id, 'project.create')
console.log('searches')

const told = await callTool({ name: 'call', arguments: { operationId: 'hub.info' } })
assert.equal(told.structuredContent.name, 'alkhub')
const refused = await callTool({ name: 'call', arguments: { operationId: 'project.create', input: {} } })
assert.equal(refused.isError, true)
assert.equal(JSON.parse(refused.content[0].text).code, 'VALIDATION_ERROR')
assert((await client.listResources()).resources.length > 0)
console.log('calls')

const heard = []
const watched = await callTool(watch(5), { onprogress: ({ progress }) => heard.push(progress) })
assert.equal(watched.structuredContent.items.length, 5)
assert.deepEqual(heard, [1, 2, 3, 4, 5])
console.log('progress')

const before = await running()
const abort = new AbortController()
const cancelled = callTool(watch(100_000), { signal: abort.signal, onprogress: () => {} })
await until(async () => (await running()) > before)
abort.abort()
await assert.rejects(cancelled)
await until(async () => (await running()) <= before)
console.log('cancels')

if (way !== 'v2-newest') {
  const other = await connect(CUT_URL)
  const seen = []
  const resumed = await other.callTool(watch(20), { onprogress: ({ progress }) => seen.push(progress) })
  assert.equal(resumed.structuredContent.items.length, 20)
  assert.deepEqual(seen, Array.from({ length: 20 }, (_, number) => number + 1))
  console.log('resumes')
  await other.client.close()
}
await client.close()
process.exit(0)
