import { useRef } from 'react';
import { callRest } from '../../server/rest.ts';
import { useRequest } from '../../server/use-request.ts';
import type { Version } from './version.ts';

const PAGE = 50;

type Page = { data: Version[]; next: string | null };

/** Reads the newest versions of a row by its path, and a page of older ones on request. */
export function useVersions(path: string) {
  const pages = useRef(1);
  const { data, ...rest } = useRequest(path, () => readPages(path, pages.current));
  const loadOlder = () => {
    pages.current += 1;
    rest.reload();
  };
  return { versions: data?.versions ?? [], hasOlder: data?.hasOlder ?? false, loadOlder, ...rest };
}

/** Reads pages one after the other. All are read again after a change: a label may have moved. */
async function readPages(path: string, count: number) {
  const versions: Version[] = [];
  let next: string | null = null;
  for (let page = 0; page < count && (page === 0 || next !== null); page += 1) {
    const query = new URLSearchParams({
      limit: String(PAGE),
      ...(next !== null && { cursor: next }),
    });
    const { body }: { body: Page } = await callRest<Page>(`${path}/versions?${query}`);
    versions.push(...body.data);
    next = body.next;
  }
  return { versions, hasOlder: next !== null };
}
