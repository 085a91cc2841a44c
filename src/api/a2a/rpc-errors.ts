import { isJsonObject, type Json } from '../../json/json.ts';
import { displayable } from '../../text/displayable.ts';
import type { ErrorAnswer } from '../errors/answer-error.ts';

/** An error of JSON-RPC, with a code of A2A and a google.rpc.ErrorInfo. */
export type RpcError = { code: number; message: string; data: ErrorInfo[] };
type ErrorInfo = { metadata?: Readonly<Record<string, string>> };

/**
 * Returns the header with the seconds to wait, if a limit rejects the request for now. Other
 * endpoints send the same header. Here the status of every answer is 200.
 */
export function retryAfterOf({ data }: RpcError): Record<string, string> {
  const seconds = data[0]?.metadata?.retry_after_seconds;
  return seconds === undefined ? {} : { 'retry-after': seconds };
}

/** Codes of JSON-RPC, and codes that A2A adds. */
export const CODES = {
  parse: [-32700, 'PARSE_ERROR'],
  request: [-32600, 'INVALID_REQUEST'],
  method: [-32601, 'METHOD_NOT_FOUND'],
  params: [-32602, 'INVALID_PARAMS'],
  internal: [-32603, 'INTERNAL_ERROR'],
  noTask: [-32001, 'TASK_NOT_FOUND'],
  notCancelable: [-32002, 'TASK_NOT_CANCELABLE'],
  noPush: [-32003, 'PUSH_NOTIFICATION_NOT_SUPPORTED'],
  unsupported: [-32004, 'UNSUPPORTED_OPERATION'],
  contentType: [-32005, 'CONTENT_TYPE_NOT_SUPPORTED'],
  noExtendedCard: [-32007, 'EXTENDED_AGENT_CARD_NOT_CONFIGURED'],
  version: [-32009, 'VERSION_NOT_SUPPORTED'],
  /** A rejection for a reason of ours, for which A2A has no code. */
  refused: [-32000, 'REFUSED'],
} as const satisfies Record<string, readonly [number, string]>;
export type RpcFault = keyof typeof CODES;

/** A rejection in the terms of A2A. */
export class A2aRefusal extends Error {
  readonly fault: RpcFault;
  readonly metadata: Readonly<Record<string, string>>;

  constructor(fault: RpcFault, message: string, metadata: Readonly<Record<string, string>> = {}) {
    super(message);
    this.fault = fault;
    this.metadata = metadata;
  }
}

/** Faults of A2A for our errors, by SQLSTATE. */
const faults: Readonly<Record<string, RpcFault>> = {
  HWINV: 'params',
  HWTRM: 'unsupported',
  HWCNF: 'unsupported',
  EINTERNAL: 'internal',
};

/**
 * Returns the error of JSON-RPC for a thrown value. `errorAnswerOf` decides what the client may
 * see.
 */
export function rpcError(error: unknown, errorAnswerOf: (error: unknown) => ErrorAnswer): RpcError {
  if (error instanceof A2aRefusal)
    return formatRpcError(error.fault, error.message, error.metadata);
  return rpcErrorOf(errorAnswerOf(error));
}

/**
 * Returns the error of JSON-RPC for a failure: the message, and our code, hint and details as
 * metadata.
 */
export function rpcErrorOf({ code, message, hint, detail }: ErrorAnswer): RpcError {
  const members = isJsonObject(detail) ? detail : {};
  const isTask = code === 'HWNTF' && 'execution_id' in members;
  const fault = isTask ? 'noTask' : (faults[code] ?? (code === 'HWNTF' ? 'params' : 'refused'));
  const more = Object.entries(members).flatMap(([name, value]) =>
    value == null ? [] : [[name, textOf(value)]],
  );
  const metadata = { code, ...(hint !== undefined && { hint }), ...Object.fromEntries(more) };
  return formatRpcError(fault, message, metadata);
}

function formatRpcError(
  fault: RpcFault,
  message: string,
  metadata: Readonly<Record<string, string>>,
): RpcError {
  const [code, reason] = CODES[fault];
  const info = {
    '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
    reason,
    domain: 'a2a-protocol.org',
    ...(Object.keys(metadata).length > 0 && { metadata }),
  };
  return { code, message: displayable(message), data: [info] };
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
