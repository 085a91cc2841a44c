import { z } from 'zod';
import type {
  EndedModelTest,
  ModelTestAnswer,
  ModelTestReport,
  TestedModel,
} from '../../../contracts/agents/model-test.ts';
import type { Queryable } from '../../../db/connection/pool.ts';
import { awaitModelTest, startModelTest } from '../../../db/operations/request-model-test.ts';
import { object } from '../../../resources/fields.ts';
import { RequestRefusal } from '../../../resources/request-refusal.ts';
import type { Body } from '../../../resources/resource.ts';
import { type Route, type RouteContext, route } from '../framework/route.ts';
import { costOfRow, isRow, testedRowFields, tryRow } from './tested-row.ts';
import { isUnsaved, unsavedModel, unsavedModelFields } from './unsaved-model.ts';

const report = z
  .object({
    ok: z.boolean(),
    purpose: z.string(),
    provider: z.string(),
    model: z.string().describe("The provider's id of the model"),
    seconds: z.number().describe('The duration of the calls'),
    answer: z.string().optional().describe('What an llm answered'),
    tool_call: z.boolean().optional().describe('True if an llm called the tool it was offered'),
    vector_length: z.int().optional().describe('For embedding'),
    audio_bytes: z.int().optional().describe('For tts'),
    image_bytes: z.int().optional().describe('For image'),
    width: z.int().optional().describe('For image: in pixels'),
    height: z.int().optional().describe('For image: in pixels'),
    media_type: z.string().optional().describe('The format of the audio or of the image'),
    ranking: z
      .array(z.object({ document: z.string(), score: z.number() }))
      .optional()
      .describe('For rerank: the two documents of the test, most relevant first'),
    text: z.string().optional().describe('For stt: the transcript of a tone, usually empty'),
    usage: object.optional(),
    units: object.optional().describe('What was used of the units of price_unit'),
    cost: z.number().optional().describe('The cost of the test, if the model has a price'),
    warnings: z.array(z.string()).optional(),
    error: z.object({ code: z.string(), message: z.string(), hint: z.string() }).optional(),
  })
  .meta({ id: 'ModelTest' });

/** Route that tests a stored model, or a configuration that is not stored. */
export const testModel: Route = route({
  method: 'POST',
  path: '/api/models/test',
  id: 'testModel',
  tag: 'models',
  summary: 'Test a model, or a configuration before it is stored',
  description:
    'Calls the model once or twice with a tiny request. A model that fails is a result, not an error: `ok` is false. ' +
    'With `model` alone, a worker tests the stored model of this name or id. With `name`, the body is that of POST /api/models, and with `id` ' +
    'that of PATCH /api/models/{id}: this server tests the row that they would store, with the key of its `secret_name`, and stores nothing. ' +
    'Other fields are a configuration. Its key is neither stored nor logged, and is sent to the model alone: with a `base_url` of your own, the key of the environment is not sent. ' +
    'A private address is 403 unless HOWDAH_EGRESS_ALLOW lists it; requests without a login on loopback may name any. Only admins and owners may test.',
  body: z.strictObject({ ...testedRowFields, ...unsavedModelFields }),
  permission: { object: 'models', action: 'manage' },
  answers: { 200: { description: 'The result of the test', schema: report } },
  async serve({ body, identity: { tenantId } }, context) {
    if (isRow(body)) return { body: await testRow(body, tenantId, context) };
    const isStored = !isUnsaved(body);
    return {
      body: isStored ? await testStored(body.model, context) : await testUnsaved(body, context),
    };
  },
});

async function testStored(
  name: string | null | undefined,
  { transaction, leftSignal }: RouteContext,
): Promise<ModelTestReport> {
  if (name == null) {
    throw new RequestRefusal(400, 'model is missing', {
      hint: 'Send the name of a stored model, or a configuration with provider and model.',
      detail: { field: 'model' },
    });
  }
  const id = await transaction((db) => startModelTest(db, name));
  return awaitModelTest(id, transaction, { signal: leftSignal() });
}

async function testUnsaved(
  body: Parameters<typeof unsavedModel>[1],
  context: RouteContext,
): Promise<ModelTestReport> {
  const test = testsOf(context);
  const { tested, key, warnings } = await context.transaction((db) => unsavedModel(db, body));
  const ended = await test(tested, key);
  return reportOf(tested, ended, warnings, (answer) =>
    context.transaction((db) => costOf(db, tested, answer)),
  );
}

async function testRow(body: Body, tenantId: string, context: RouteContext) {
  const { transaction, secrets } = context;
  const test = testsOf(context);
  const { tested, row } = await transaction((db) => tryRow(db, body, { tenantId, secrets }));
  const ended = await test(tested, undefined);
  return reportOf(tested, ended, [], (answer) => transaction((db) => costOfRow(db, row, answer)));
}

function testsOf({ tryUnsavedModel }: RouteContext) {
  if (tryUnsavedModel) return tryUnsavedModel;
  throw new RequestRefusal(400, 'this API calls no models itself', {
    hint: 'Store the model, and send its name.',
    detail: { field: 'provider' },
  });
}

async function reportOf(
  { model: { provider, model }, purpose }: TestedModel,
  { result, seconds }: EndedModelTest,
  left: readonly string[],
  costOfAnswer: (answer: ModelTestAnswer) => Promise<{ cost?: number }>,
): Promise<ModelTestReport> {
  const about = { ok: result.ok, purpose, provider, model, seconds };
  const found = result.ok
    ? { ...result.answer, ...(await costOfAnswer(result.answer)) }
    : { error: result.error };
  const warnings = [...left, ...((result.ok && result.answer.warnings) || [])];
  return { ...about, ...found, ...(warnings.length > 0 && { warnings }) };
}

/** Returns the cost of a test at the prices of the catalogue, if it knows the model. */
async function costOf(
  db: Queryable,
  { model: { provider, model, base_url } }: TestedModel,
  answer: ModelTestAnswer,
): Promise<{ cost?: number }> {
  const values = [provider, model, base_url, JSON.stringify(answer)];
  const { rows } = await db.query<{ cost: string | null }>(
    'select howdah_private.unsaved_model_test_cost($1, $2, $3, $4) as cost',
    values,
  );
  const cost = rows[0]?.cost ?? null;
  return cost === null ? {} : { cost: Number(cost) };
}
