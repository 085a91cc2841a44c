import type { JsonObject } from '../../json/json.ts';
import type { ModelPurpose, ModelRef, Usage } from './model.ts';

/** The model of a test. `capabilities` are those of its row. */
export type TestedModel = {
  model: ModelRef;
  purpose: ModelPurpose;
  capabilities: JsonObject;
};

/** What a model answered in a test. The purpose of the model determines the fields. */
export type ModelTestAnswer = {
  /** The text that an llm answered. */
  answer?: string;
  /** True if an llm called the tool that it was offered. Absent if the model has no tools. */
  tool_call?: boolean;
  /** The length of the vectors of an embedding model. */
  vector_length?: number;
  /** The size and the format of the audio of a tts model. */
  audio_bytes?: number;
  media_type?: string;
  /** Transcript of an stt test; usually empty, because the recording is a tone. */
  text?: string;
  usage?: Usage;
  /** What the calls used, in the units of prices: characters of a text, minutes of a recording. */
  units?: Partial<Record<PriceUnit, number>>;
  /** The cost in USD, if a stored model has a price for what the calls used. */
  cost?: number;
  warnings?: string[];
};

/** The units of prices that are not per token, as in the column `price_unit` of a model. */
type PriceUnit = 'minute' | 'character' | 'image' | 'request';

export type ModelTestError = { code: string; message: string; hint: string };

/** The result of a test. A failing model is a result, too. */
type ModelTestResult = { ok: true; answer: ModelTestAnswer } | { ok: false; error: ModelTestError };

/** A test that has ended, with the duration of the calls of the model. */
export type EndedModelTest = { result: ModelTestResult; seconds: number };

/** The caller of a test. `ownsMachine` says whether the caller may name its private addresses. */
export type UnsavedTestContext = {
  key: string | undefined;
  tenantId: string;
  ownsMachine: boolean;
  signal: AbortSignal;
};

/**
 * Tests a model that is not stored, with its key. Rejects with `HWDEN` if the address of the model
 * may not be reached.
 */
export type TryUnsavedModel = (
  tested: TestedModel,
  context: UnsavedTestContext,
) => Promise<EndedModelTest>;

/** A test as it is shown over REST and by the command line. */
export type ModelTestReport = {
  ok: boolean;
  purpose: ModelPurpose;
  provider: string;
  model: string;
  /** The duration of the calls. */
  seconds: number;
  error?: ModelTestError;
} & ModelTestAnswer;
