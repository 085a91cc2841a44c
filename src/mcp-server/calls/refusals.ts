import {
  type CallToolResult,
  ProtocolError,
  ProtocolErrorCode,
} from '@modelcontextprotocol/server';
import type { Caller, McpFailure } from '../caller.ts';

/**
 * Returns the error for a rejected request that is no tool call: a code of JSON-RPC, with our code
 * in `data`.
 */
export function protocolError({ code, message, hint, detail }: McpFailure): ProtocolError {
  const isInvalid = code.startsWith('HW');
  return new ProtocolError(
    isInvalid ? ProtocolErrorCode.InvalidParams : ProtocolErrorCode.InternalError,
    hint === undefined ? message : `${message}. ${hint}`,
    { code, ...(hint !== undefined && { hint }), ...(detail !== undefined && { detail }) },
  );
}

/**
 * Returns the result of a rejected tool call. It is a result, so that the model that made the call
 * can read the reason.
 */
export function refusedCall({ code, message, hint, detail }: McpFailure): CallToolResult {
  return {
    isError: true,
    content: [{ type: 'text', text: [`${message} (${code})`, hint].filter(Boolean).join('\n') }],
    _meta: { 'howdah/error': { code, ...(detail !== undefined && { detail }) } },
  };
}

/** Runs `work`, and converts errors of the database to errors of the protocol. */
export async function withProtocolErrors<T>(caller: Caller, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof ProtocolError ? error : protocolError(caller.explain(error));
  }
}
