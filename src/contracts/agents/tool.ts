import type { Json, JsonObject, JsonSchema } from '../../json/json.ts';
import type { HostPattern } from '../../network/host-pattern.ts';
import type { AccessRequest, AccountAccess, ConsentRequest } from '../connected-account.ts';
import type { EnumLabel } from '../enum-labels.generated.ts';
import type { Outcome, RunError } from '../errors.ts';
import type { Message, ResourcePart } from '../runs/message.ts';
import type { RunContext } from '../runs/run-context.ts';
import type { RunFiles } from '../runs/run-files.ts';
import type { Trust } from '../runs/trust.ts';
import type { AnsweredStep, ModelAnswer } from './model.ts';
import type { ToolIo } from './tool-io.ts';

/** The context of a tool call. */
export type ToolContext = RunContext & {
  /** The key of this call, `execution:seq:call`. It is the same for every retry of the call. */
  idempotency_key: string;
  /** Fires on cancel, drain and the tool's time-out. */
  signal: AbortSignal;
  /**
   * The `traceparent` header for requests of the tool, if the run is traced (W3C Trace Context).
   */
  traceparent?: string;
};

/** The context of a tool written in TypeScript, which may communicate while it works. */
export type CustomContext = ToolContext & ToolIo;

/**
 * A tool written in TypeScript and registered in code (`kind = 'custom'`). Its arguments have
 * already been checked against `parameters`. A thrown error becomes `tool_failed` for the model; an
 * error with the `code` `invalid_arguments` keeps this code.
 *
 * An error with `retryable: true` is retried. The call is made up to four times, under the same
 * idempotency key, before the model receives the error. Such an error may have a `code`
 * (`rate_limited`, `overloaded`, `unreachable`, `timeout`); otherwise it is `tool_failed`. A call
 * with `timeout` is made twice. An error may also have `retry_after_ms`, before which there is no
 * other attempt:
 *
 *     const options = { retryable: true, code: 'rate_limited', retry_after_ms: 1500 };
 *     throw Object.assign(new Error('slow down'), options);
 *
 * A tool with the effect `once` is never called again after `unreachable` or `timeout`: a person is
 * asked.
 */
export type CustomTool = {
  name: string;
  description: string;
  parameters: JsonSchema;
  effect?: EnumLabel<'tool_effect'>;
  /** Short words for the abilities of the tool, by which agents find it. */
  capabilities?: readonly string[];
  /** The subject of the tool. */
  domain?: string;
  run(args: JsonObject, context: CustomContext): Promise<Json> | Json;
};

/**
 * The outcome of a tool call. The model receives `text` in place of the value, which the log
 * stores. `trust` is the trust level of the result, if the tool knows it. `parts` are files for
 * models that accept them, as stored resources. `consent` names the account that a person has to
 * connect before the call can be made.
 */
export type ToolOutcome = (
  | { ok: true; value: Json; text?: string }
  | { ok: false; error: RunError }
) & { trust?: Trust; parts?: ResourcePart[]; consent?: ConsentRequest };

/** An answer to an equal call, with the text that the model got. */
export type CachedToolAnswer = AnsweredStep & { output: Json; content: string; trust: Trust };

/** A call whose answer may come from the cache, or into it under this key. */
export type CacheableCall = { key: Buffer; answer: CachedToolAnswer | undefined };

/** The answers of tools that runs use again for equal calls. */
export type ToolAnswerCache = {
  /** Looks a call up by the digest of its tool and arguments. Undefined if it has to be made. */
  find(executionId: string, toolId: string, digest: Buffer): Promise<CacheableCall | undefined>;
  /** Puts the answer in a message of a run into the cache. */
  add(executionId: string, toolId: string, key: Buffer, messageSeq: number): Promise<void>;
};

/**
 * The context of a built-in tool. It adds secrets of the run's tenant and files of the run, which
 * no other tool receives.
 */
export type BuiltinContext = ToolContext & {
  /** Hosts that the call may reach although they are not public. */
  allowPrivate?: readonly HostPattern[] | undefined;
  readSecret(name: string): Promise<Outcome<string>>;
  /** Returns the OAuth token of the run for an integration of its tenant. */
  accessToken(integration: string, request: AccessRequest): Promise<AccountAccess>;
  files: RunFiles;
  /**
   * Calls another model of the run's tenant, without tools. The run pays for the call and logs it.
   */
  secondModel(request: SecondModelRequest): Promise<Outcome<ModelAnswer>>;
};

/** A request to another model. `model` is its name, and `input` is written to the log. */
export type SecondModelRequest = {
  model: string;
  request_params: JsonObject;
  messages: Message[];
  output_schema: JsonSchema;
  input: JsonObject;
};

/**
 * A built-in tool that runs in the worker process. Unlike a custom tool, it receives the
 * configuration of its row, and its failures are outcomes. Its name, description and parameters are
 * defined in SQL (`howdah_private.builtin_tools`).
 */
export type BuiltinTool = {
  name: string;
  run(args: JsonObject, context: BuiltinContext, configuration: JsonObject): Promise<ToolOutcome>;
};
