import { z } from 'zod';
import { FINISH_REASONS } from '../../contracts/agents/model.ts';
import { enumLabels } from '../../contracts/enum-labels.generated.ts';
import type { Outcome } from '../../contracts/errors.ts';
import type { Json } from '../../json/json.ts';
import { jsonRecord } from '../../json/json-record.ts';
import { createFailure } from '../failure.ts';

const ERROR_CODES = [
  'rate_limited',
  'overloaded',
  'unreachable',
  'timeout',
  'bad_answer',
  'invalid_request',
  'unauthorized',
  'not_found',
  'context_too_long',
  'content_filtered',
] as const;

const count = z.number().int().min(0);
const milliseconds = count.max(3_600_000);

/** The values come from `jsonb`, so they are JSON. */
const jsonObject = jsonRecord(z.custom<Json>());

const toolCall = z.strictObject({
  name: z.string().min(1),
  arguments: z.union([z.string(), jsonObject]).optional(),
  id: z.string().min(1).optional(),
  provider_metadata: jsonObject.optional(),
});

const metadata = jsonObject.optional();
const part = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('reasoning'),
    vendor: z.string().default('scripted'),
    text: z.string(),
    provider_metadata: metadata,
  }),
  z.strictObject({
    type: z.literal('citation'),
    url: z.string().optional(),
    title: z.string().optional(),
    provider_metadata: metadata,
  }),
]);

const usage = z.strictObject({
  tokens_in: count.optional(),
  tokens_out: count.optional(),
  cached_tokens: count.optional(),
  cache_write_tokens: count.optional(),
  reasoning_tokens: count.optional(),
});

const scriptError = z
  .strictObject({
    status: z.number().int().min(400).max(599).optional(),
    code: z.enum(ERROR_CODES).optional(),
    message: z.string().optional(),
    retry_after_ms: milliseconds.optional(),
  })
  .refine(
    (error) => error.status !== undefined || error.code !== undefined,
    'needs status or code',
  );

const expectation = z.strictObject({
  last_role: z.enum(enumLabels.message_role).optional(),
  last_content_contains: z.string().optional(),
  tools: z.array(z.string()).optional(),
});

const step = z
  .strictObject({
    content: z.string().nullable().optional(),
    tool_calls: z.array(toolCall).optional(),
    parts: z.array(part).optional(),
    usage: usage.optional(),
    finish_reason: z.enum(FINISH_REASONS).optional(),
    error: scriptError.optional(),
    times: z.number().int().min(1).optional(),
    vectors: z.record(z.string().min(1), z.array(z.number()).min(1)).optional(),
    speech: z.strictObject({ audio: z.base64().min(4), media_type: z.string() }).optional(),
    transcript: z.string().optional(),
    image: z.base64().min(4).optional(),
    scores: z.record(z.string().min(1), z.number()).optional(),
    delay_ms: milliseconds.optional(),
    expect: expectation.optional(),
  })
  .refine((one) => {
    const isAnswer = one.content !== undefined || !!one.tool_calls?.length;
    const others = [one.error, one.vectors, one.speech, one.transcript, one.image, one.scores];
    return others.filter((other) => other !== undefined).length + Number(isAnswer) === 1;
  }, 'needs either an error, vectors, a speech, a transcript, an image, scores, or content and/or tool_calls')
  .refine((one) => one.times === undefined || one.error !== undefined, 'times belongs to an error');

/** A step of a script. The README of the folder `providers` explains each field. */
export type ScriptStep = z.infer<typeof step>;

/** A position of the script: the n-th model answer, after the temporary errors before it. */
export type Slot = { number: number; passing: ScriptStep[]; step: ScriptStep | null };

/**
 * Parses the script of a model row. An invalid script is rejected with `invalid_request`, which
 * names the path of each problem.
 */
export function parseScript(value: unknown): Outcome<ScriptStep[]> {
  if (value === undefined) {
    const example = '{"script": [{"content": "Hello."}]}';
    return createFailure(
      'invalid_request',
      `The scripted model needs request_params such as ${example}.`,
    );
  }
  const parsed = z.array(step).safeParse(value);
  if (parsed.success) return { ok: true, value: parsed.data };
  const problems = parsed.error.issues.map((issue) => {
    const path = issue.path.map((key) =>
      typeof key === 'number' ? `[${key}]` : `.${String(key)}`,
    );
    return `request_params.script${path.join('')}: ${issue.message}`;
  });
  return createFailure('invalid_request', `The script is not valid: ${problems.join('; ')}.`, {
    cause: problems,
  });
}

/**
 * Returns the slot of the n-th answer (from 0). `{error, times}` has no slot of its own and
 * precedes the next slot. An error without `times` is a slot that always fails.
 */
export function slotAt(script: ScriptStep[], n: number): Slot {
  let passing: ScriptStep[] = [];
  let slot = 0;
  for (const [at, one] of script.entries()) {
    if (one.times !== undefined) passing.push(one);
    else if (slot === n) return { number: at + 1, passing, step: one };
    else {
      slot += 1;
      passing = [];
    }
  }
  return { number: script.length + 1, passing: slot === n ? passing : [], step: null };
}
