import {
  type CallToolResult,
  ProtocolError,
  ProtocolErrorCode,
} from '@modelcontextprotocol/server';
import type { Caller, McpRunItem } from '../caller.ts';

/** How a request that is no call of a tool is refused: in the codes of JSON-RPC, with ours in `data`. */
export function protocolError({ code, message, hint, detail }: McpRunItem): ProtocolError {
  const isInvalid = code.startsWith('HW');
  return new ProtocolError(
    isInvalid ? ProtocolErrorCode.InvalidParams : ProtocolErrorCode.InternalError,
    hint === undefined ? message : `${message}. ${hint}`,
    { code, ...(hint !== undefined && { hint }), ...(detail !== undefined && { detail }) },
  );
}

/** How a call is refused: as a result, so that the model that made it can read why. */
export function refusedCall({ code, message, hint, detail }: McpRunItem): CallToolResult {
  return {
    isError: true,
    content: [{ type: 'text', text: [`${message} (${code})`, hint].filter(Boolean).join('\n') }],
    _meta: { 'howdah/error': { code, ...(detail !== undefined && { detail }) } },
  };
}

/** Does it, with refusals of the database in the words of the protocol. */
export async function refusing<T>(caller: Caller, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof ProtocolError ? error : protocolError(caller.explain(error));
  }
}
