/** The rows that one request asks for. The server allows no more. */
export const PAGE_SIZE = 1_000;

/** A page of a list. `next` is the cursor of the page after it. */
export type Page<Row> = { data: Row[]; next: string | null };
export type PageQuery = { limit: number; cursor?: string };

/** Reads the pages of a list one after the other, until they contain `most` rows. */
export async function* allPages<Read extends Page<unknown>>(
  read: (query: PageQuery) => Promise<Read>,
  most = Number.POSITIVE_INFINITY,
): AsyncGenerator<Read> {
  let left = most;
  let cursor: string | null = null;
  do {
    const query = { limit: Math.min(PAGE_SIZE, left), ...(cursor !== null && { cursor }) };
    const page: Read = await read(query);
    yield page;
    left -= page.data.length;
    cursor = page.next;
  } while (cursor !== null && left > 0);
}

/** Reads the rows of a list, at most `most`. */
export async function allRows<Row>(
  read: (query: PageQuery) => Promise<Page<Row>>,
  most?: number,
): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const page of allPages(read, most)) rows.push(...page.data);
  return rows;
}
