/** Converts the times of a row of JSON to dates, as the database returns them. */
export function withDates<Row extends object>(row: Row): Row {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      /_(at|since)$/.test(name) && typeof value === 'string' ? new Date(value) : value,
    ]),
  ) as Row;
}
