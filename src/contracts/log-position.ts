/**
 * Converts a position in the log of PostgreSQL (`16/B374D848`) to a number. Returns undefined for
 * any other text.
 */
export function positionOf(lsn: string): bigint | undefined {
  const [, high, low] = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i.exec(lsn) ?? [];
  if (high === undefined || low === undefined) return undefined;
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}
