// What the programs here have in common: where the URLs come from, and the settings in their queries.

/** The largest message in bytes, where the query says nothing else. */
const LIMIT = 64 << 20

/** The most fragments of a message, where there is such a limit: enough for LIMIT in small ones. */
export const FRAGMENTS = 1 << 20

/** How many URLs a client works on at the same time. */
const CLIENTS = 8

/**
 * The settings that a URL asks for: `limit=N`, `deflate=off` or `deflate=OFFER`, `subprotocols=A,B`, `subprotocol=A`, `header=NAME:VALUE`.
 * @param {string} text a URL; one that is none asks for nothing
 */
export function knobs(text) {
  const query = URL.canParse(text, 'ws://base') ? new URL(text, 'ws://base').searchParams : new URLSearchParams()
  /** @type {Record<string, string>} */
  const headers = {}
  for (const header of query.getAll('header')) {
    const colon = header.indexOf(':')
    if (colon > 0) headers[header.slice(0, colon)] = header.slice(colon + 1).trim()
  }
  return {
    limit: Number(query.get('limit')) || LIMIT,
    deflate: query.get('deflate') ?? '',
    subprotocols: [...(query.get('subprotocols')?.split(',') ?? []), ...query.getAll('subprotocol')],
    headers,
  }
}

/**
 * Connects to the one ws or wss URL, or to all that an http URL hands out, until it answers 204.
 * @param {string} from
 * @param {(url: string) => Promise<void>} connect resolves when the connection has ended
 */
export async function run(from, connect) {
  if (!from.startsWith('http:')) return connect(from)
  await Promise.all(
    Array.from({ length: CLIENTS }, async (_, worker) => {
      for (;;) {
        const response = await fetch(`${from}?worker=${worker}`)
        if (response.status === 204) return
        await connect(await response.text())
      }
    }),
  )
}
