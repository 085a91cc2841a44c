import { REDACTED, Redaction, SHORTEST_ECHO } from '../../redaction/redaction.ts';
import { truncateToFit } from '../../text/truncate.ts';

const MAX_TEXT = 400;
/** Fewest characters of a part of a key that is redacted alone. */
const SHORTEST_PART = 16;

/**
 * Removes the key from a text, and anything else that looks like a key: servers quote what they
 * were sent, often shortened. The shapes of telemetry/log-redaction.ts miss shortened keys.
 */
export function redact(text: string, key: string | null): string {
  return errorRedaction(key)
    .text(text)
    .replace(/\b(sk|gsk|xai|pk)-[\w*.-]{6,}/g, REDACTED)
    .replace(/\bBearer\s+\S+/gi, 'Bearer ***');
}

/** Creates the redaction of an error message, which is often about the key and quotes it. */
export function errorRedaction(key: string | null): Redaction {
  return Redaction.of(secretsIn(key), { shortest: SHORTEST_ECHO });
}

/**
 * Returns the secrets in a key: the key, and its parts between colons. An access key of AWS
 * consists of parts, of which each is sent or quoted alone.
 */
export function secretsIn(key: string | null): string[] {
  if (key === null) return [];
  return [key, ...key.split(':').filter((part) => part.length >= SHORTEST_PART)];
}

/**
 * Formats the message of a server as one short line without markup and key, which ends like a
 * sentence.
 */
export function sentence(text: string, key: string | null): string {
  const line = withoutBlocks(redact(text, key))
    .replaceAll('\u0000', '')
    .replace(/<[^<>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .toWellFormed();
  if (line === '') return '';
  const short = truncateToFit(line, MAX_TEXT);
  return /[.!?…]$/.test(short) ? short : `${short}.`;
}

/**
 * Removes styles and scripts. The text is split at their ends, because one expression for both tags
 * would search for the end again from each beginning.
 */
function withoutBlocks(text: string): string {
  const parts = text.split(/<\/(?:style|script)>/i);
  const last = parts.pop() as string;
  return [...parts.map((part) => part.replace(/<(?:style|script)\b[\s\S]*/i, ' ')), last].join(' ');
}
