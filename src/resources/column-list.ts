/** Returns the columns of the table `t`, as a list of SELECT. */
export function columnList(columns: object): string {
  return Object.keys(columns)
    .map((column) => `t.${column}`)
    .join(', ');
}
