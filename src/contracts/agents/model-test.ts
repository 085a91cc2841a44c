import type { JsonObject } from '../../json/json.ts';
import type { ModelPurpose, ModelRef } from './model.ts';
import type { Usage } from './usage.ts';

/** Returns the longest duration of a test, in milliseconds. An image may take a minute. */
export function modelTestMs(purpose: ModelPurpose): number {
  return purpose === 'image' ? 90_000 : 30_000;
}

/** The model of a test. `capabilities` are those of its row. */
export type TestedModel = {
  model: ModelRef;
  purpose: ModelPurpose;
  capabilities: JsonObject;
};

/** The answer of a model in a test. The purpose of the model determines the fields. */
export type ModelTestAnswer = {
  /** The text that an llm answered. */
  answer?: string;
  /** True if an llm called the tool that it was offered. Absent if the model has no tools. */
  tool_call?: boolean;
  /** The length of the vectors of an embedding model. */
  vector_length?: number;
  /** The size of the audio of a tts model. */
  audio_bytes?: number;
  /** The size of the image of an image model, in bytes and in pixels. */
  image_bytes?: number;
  width?: number;
  height?: number;
  /** The format of the audio or of the image. */
  media_type?: string;
  /** The two documents of a rerank test, most relevant first. */
  ranking?: { document: string; score: number }[];
  /** Transcript of an stt test; usually empty, because the recording is a tone. */
  text?: string;
  usage?: Usage;
  /** The usage of the test, in the unit of `models.price_unit`. */
  units?: PricedUnits;
  /** The cost of the test. Absent if the model has no price. */
  cost?: number;
  warnings?: string[];
};

/** Quantities by the units of `models.price_unit`. */
export type PricedUnits = Partial<Record<'minute' | 'character' | 'image' | 'request', number>>;

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
