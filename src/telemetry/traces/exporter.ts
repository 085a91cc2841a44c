import { setTimeout as sleep } from 'node:timers/promises';
import type { TracingSettings } from '../../settings/telemetry-settings.ts';
import { type Attributes, otlpBody, type Span } from './otlp.ts';

/** Most spans in the queue. More spans are dropped. */
const MAX_WAITING = 8_192;
const MAX_AT_ONCE = 512;
/** Pauses before further attempts. After the last attempt the spans are dropped. */
const PAUSES_MS = [500, 2_000, 5_000];
/** The status codes that OTLP marks as retryable. */
const PASSING = new Set([429, 502, 503, 504]);

export type ExporterOptions = Pick<TracingSettings, 'url' | 'headers' | 'timeoutMs'> & {
  resource: Attributes;
  version: string;
  /** Reports spans that were not delivered, with the reason. */
  onDropped(count: number, reason: string): void;
};

/**
 * Sends spans in batches without blocking the caller. Spans that cannot be sent are dropped and
 * reported.
 */
export class Exporter {
  readonly #options: ExporterOptions;
  #waiting: Span[] = [];
  #dropped = 0;
  #sending: Promise<void> = Promise.resolve();

  constructor(options: ExporterOptions) {
    this.#options = options;
  }

  add(span: Span): void {
    if (this.#waiting.length >= MAX_WAITING) this.#dropped += 1;
    else this.#waiting.push(span);
  }

  /**
   * Sends all queued spans, after any flush under way. With `isLast` nothing is retried, because a
   * caller waits for the end.
   */
  flush(isLast = false): Promise<void> {
    this.#sending = this.#sending.then(() => this.#sendAll(isLast));
    return this.#sending;
  }

  async #sendAll(isLast: boolean): Promise<void> {
    const { onDropped } = this.#options;
    if (this.#dropped > 0) onDropped(this.#dropped, 'spans arrived faster than they could be sent');
    this.#dropped = 0;
    while (this.#waiting.length > 0) {
      const spans = this.#waiting.splice(0, MAX_AT_ONCE);
      const reason = await this.#send(spans, isLast ? [] : PAUSES_MS);
      if (reason !== undefined) onDropped(spans.length, reason);
    }
  }

  /** Returns the reason why the spans were not delivered, or undefined after a success. */
  async #send(spans: Span[], pauses: readonly number[]): Promise<string | undefined> {
    const { resource, version } = this.#options;
    const body = otlpBody(spans, resource, version);
    for (let attempt = 0; ; attempt += 1) {
      const { reason, isPassing } = await this.#post(body);
      const pause = pauses[attempt];
      if (reason === undefined || !isPassing || pause === undefined) return reason;
      await sleep(pause, undefined, { ref: false });
    }
  }

  async #post(body: string): Promise<{ reason?: string; isPassing: boolean }> {
    const { url, headers, timeoutMs } = this.#options;
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'user-agent': 'howdah', ...headers, 'content-type': 'application/json' },
        body,
        redirect: 'manual',
        signal: AbortSignal.timeout(timeoutMs),
      });
      await response.body?.cancel();
      if (response.ok) return { isPassing: false };
      return { reason: `status ${response.status}`, isPassing: PASSING.has(response.status) };
    } catch (error) {
      const { message, cause } = error as Error;
      const text = cause instanceof Error ? cause.message : message;
      return { reason: text, isPassing: true };
    }
  }
}
