/**
 * Returns a vector as Postgres reads an array of `real`, divided by its length. Then the product of
 * two vectors is their cosine. A vector of zeros stays as it is, since it has no direction.
 */
export function vectorText(vector: readonly number[]): string {
  const length = Math.hypot(...vector);
  return `{${vector.map((value) => Math.fround(length === 0 ? 0 : value / length)).join(',')}}`;
}
