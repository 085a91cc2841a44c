import type { CallOutcome } from '../../../contracts/agents/call-host.ts';
import type { ToolDefinition } from '../../../contracts/agents/definition.ts';
import type { ModelProvider, ModelRequest } from '../../../contracts/agents/model.ts';
import type { Resource } from '../../../contracts/agents/resource.ts';
import type { RunError } from '../../../contracts/errors.ts';
import type { ExportedStep } from '../../../contracts/runs/exported-run.ts';
import type { RunFiles } from '../../../contracts/runs/run-files.ts';
import type { Pool } from '../../../db/connection/pool.ts';
import type { JsonObject } from '../../../json/json.ts';
import { unifiedDiff } from '../../../text/unified-diff.ts';
import type { RuntimeDependencies } from '../../environment/runtime-dependencies.ts';
import { dropUnsupportedMedia } from '../../messages/drop-unsupported-media.ts';
import { resolveParts } from '../../messages/resolve-attachments.ts';
import { inputOf } from '../../model-calls/patience.ts';
import { stepText } from '../format-divergence.ts';
import type { ReplayChecker } from '../replay-checker.ts';
import type { ReplayedRun } from '../replayed-run.ts';
import { describeRequest, requestText } from '../request-text.ts';
import { asStoredText } from './as-stored-json.ts';
import { isUnknownEffect, modelOutcome, toolOutcome } from './recorded-answers.ts';
import { requestAt } from './recorded-request.ts';
import type { RunRecording } from './run-recording.ts';

/**
 * Creates a world whose models and tools answer from the record. Nothing here reaches a network or
 * a database, and nothing waits.
 */
export function recordedWorld(
  record: RunRecording,
  judge: ReplayChecker,
  run: ReplayedRun,
): RuntimeDependencies {
  const provider: ModelProvider = {
    name: 'record',
    generate: (request) => answer(request, record, judge, run),
  };
  return {
    provider: () => ({ ok: true, value: provider }),
    recordedCalls: {
      outcomeOf: (tool, args, key) => callRecorded(tool, args, key, record, judge, run),
      isApprovalRepeated: (callId) => {
        const step = record.nextOf(callId, judge.position);
        return step?.kind === 'question' && step.name === 'approval';
      },
      elapsedMs: () => inputOf(record.steps[judge.position]).elapsed_ms,
    },
    customTools: new Map(),
    hooks: {},
    builtins: new Map(),
    mcp: { call: async () => GONE }, // never called in a replay: every call is recorded
    sqlToolPool: undefined as unknown as Pool, // never used in a replay: every call is recorded
    queries: { rows: async () => GONE },
    querySettings: async () => GONE,
    readSecret: async () => ({
      ok: false,
      error: { code: 'unauthorized', message: 'a replay has no secrets', retryable: false },
    }),
    accounts: { forRun: async () => GONE },
    modelNamed: async () => GONE,
    loadResource: (_tenant, id) => fileOf(id),
    filesOf: () => undefined as unknown as RunFiles, // never called in a replay
    decryptFor: async (_id, value) => value, // an export is in plain text
    hasRunEnded: async () => false, // never called in a replay
    random: () => 0,
    sleep: async () => {},
  };
}

async function answer(
  request: ModelRequest,
  record: RunRecording,
  judge: ReplayChecker,
  run: ReplayedRun,
) {
  const next = record.steps[judge.position];
  const isOurs = next !== undefined && !record.isOutside(judge.position);
  const outcome = isOurs ? modelOutcome(next, record.messagesOf(next)) : undefined;
  if (!outcome) {
    judge.recordDivergence(describeRequest(request));
    run.relinquish();
    return GONE;
  }
  const recorded = await recordedRequest(record, judge.position);
  const diff = unifiedDiff(asStoredText(recorded), asStoredText(requestText(request)));
  if (diff !== '') {
    judge.note(`the model ${request.model.name} is sent something else`, undefined, diff);
  }
  return outcome;
}

/** Returns the request that the model must have been sent according to the record. */
async function recordedRequest(record: RunRecording, position: number): Promise<string> {
  const { request } = requestAt(record, position);
  const resolved = await resolveParts(
    request ? dropUnsupportedMedia(request.model, request.messages) : [],
    fileOf,
  );
  return request && resolved.ok ? requestText({ ...request, messages: resolved.value }) : '';
}

/**
 * Returns the recorded outcome of a call, by the id of the call. A call whose end nobody saw ends
 * this claim, as it ended that worker.
 */
async function callRecorded(
  tool: ToolDefinition,
  args: JsonObject,
  idempotency_key: string,
  record: RunRecording,
  judge: ReplayChecker,
  run: ReplayedRun,
): Promise<CallOutcome> {
  const callId = idempotency_key.split(':').slice(2).join(':');
  const step = await nextStepAfterOwn(callId, record, judge, run);
  const asks = step && record.elicitationIn(step);
  if (asks) {
    return { asks };
  }
  const outcome = step && toolOutcome(step, record.messagesOf(step));
  if (outcome) {
    return outcome;
  }
  const turn = await run.turnOf(callId);
  if (turn === 'forced' || (turn === 'next' && step && !isUnknownEffect(step))) {
    judge.recordDivergence(stepText({ kind: 'tool', name: tool.name, input: args }));
  }
  run.relinquish();
  return GONE;
}

/**
 * Returns the next step of a call after the answers of models, and the refusals, for the server of
 * the call. These steps come before the end of the call in the log, and are committed unchanged.
 */
async function nextStepAfterOwn(
  callId: string,
  record: RunRecording,
  judge: ReplayChecker,
  run: ReplayedRun,
): Promise<ExportedStep | undefined> {
  for (;;) {
    const step = record.nextOf(callId, judge.position);
    if (!step || (step.kind !== 'model' && step.kind !== 'guard') || !run.isHeld) {
      return step;
    }
    const { kind, name, input, output, tokens_in, tokens_out } = step;
    await run.commit([{ kind, name, call_id: callId, input, output, tokens_in, tokens_out }]);
  }
}

/**
 * Returns a file whose content is its id, because a record does not contain the contents of files.
 */
async function fileOf(id: string): Promise<{ ok: true; value: Resource }> {
  const bytes = Buffer.from(id);
  return { ok: true, value: { name: id, type: 'text/plain', is_text: true, bytes, sha256: '' } };
}

const error: RunError = { code: 'cancelled', message: 'the replay went on', retryable: false };
const GONE = { ok: false, error } as const;
