import type { SharedV4ProviderMetadata } from '@ai-sdk/provider';
import type { AnswerPart } from '../../contracts/runs/message.ts';
import type { JsonObject } from '../../json/json.ts';

/** A part of an answer that comes from a package of the AI SDK. */
export type SdkPart = Exclude<AnswerPart, { type: 'remote_task' }>;

/** Merges data of a vendor into the earlier data of the same block. */
export function mergeMetadata(
  before: JsonObject | undefined,
  metadata: SharedV4ProviderMetadata,
): JsonObject {
  const merged = { ...before };
  for (const [name, values] of Object.entries(metadata)) {
    merged[name] = { ...(merged[name] as JsonObject | undefined), ...(values as JsonObject) };
  }
  return merged;
}

/** Returns data of a vendor as the member of a part or a call. */
export function metadataOf(metadata: SharedV4ProviderMetadata | undefined): {
  provider_metadata?: JsonObject;
} {
  return metadata ? { provider_metadata: mergeMetadata({}, metadata) } : {};
}

/**
 * Removes the spans of the text unless the vendor needs them. It needs them if its tools ran
 * between two spans, or if a span has data of the vendor.
 */
export function withNeededSpans(parts: readonly SdkPart[]): SdkPart[] {
  const isNeeded = parts.some(
    (part) =>
      part.type === 'provider_tool_call' ||
      (part.type === 'text_span' && part.provider_metadata !== undefined),
  );
  const isEmpty = (part: SdkPart) =>
    part.type === 'text_span' && part.length === 0 && part.provider_metadata === undefined;
  return parts.filter((part) => (isNeeded ? !isEmpty(part) : part.type !== 'text_span'));
}
