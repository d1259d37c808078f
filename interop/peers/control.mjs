// How a test drives a peer: one JSON object a line. What the test wants comes in on standard input, what happened
// goes out on standard output; payloads are base64. doc.go beside this folder lists both.

import { createInterface } from 'node:readline'

/** @param {Record<string, unknown>} event */
export function say(event) {
  process.stdout.write(JSON.stringify(event) + '\n')
}

/**
 * Calls the function that a line's `do` names, one line after the other, and ends with standard input.
 * @param {Record<string, (order: any) => unknown>} orders
 */
export async function obey(orders) {
  for await (const line of createInterface({ input: process.stdin })) {
    const order = JSON.parse(line)
    try {
      await orders[order.do](order)
    } catch (error) {
      say({ event: 'error', message: `${order.do}: ${error}` })
    }
  }
  process.exit(0)
}

/** @param {string} data @returns {Buffer} */
export const decode = (data) => Buffer.from(data, 'base64')

/** @param {Uint8Array} data */
export const encode = (data) => Buffer.from(data).toString('base64')
