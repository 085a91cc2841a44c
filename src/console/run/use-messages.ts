import { useCallback, useEffect, useRef, useState } from 'react';
import { type Failure, toFailure } from '../server/failure.ts';
import { request } from '../server/graphql.ts';
import { messages as messagesQuery, type RunMessage } from '../server/operations.generated.ts';

/** Messages of one request. */
export const PAGE = 100;

/** The messages of a run from its beginning, as far as they are loaded. */
export type LoadedMessages = {
  messages: readonly RunMessage[];
  isLoading: boolean;
  /** True if the last page was full, so that there may be more. */
  hasMore: boolean;
  failure: Failure | undefined;
  /** Loads the next page. */
  loadMore(): void;
};

/**
 * Loads messages page by page. After news of the run, it goes on after the last loaded message
 * unless a page of older ones waits to be opened: no message is read twice.
 */
export function useMessages(id: string, count: number): LoadedMessages {
  const [pages, setPages] = useState<{ messages: readonly RunMessage[]; hasMore: boolean }>();
  const [failure, setFailure] = useState<Failure>();
  const last = useRef(0);
  const isBusy = useRef(false);
  const load = useCallback(async () => {
    if (isBusy.current) return;
    isBusy.current = true;
    try {
      const answer = await request(messagesQuery, { id, after: last.current, first: PAGE });
      const added = answer.messages?.nodes.filter((one) => one !== null) ?? [];
      last.current = added.at(-1)?.seq ?? last.current;
      // without new messages the pages stay the same object, so that nothing is asked again
      setPages((before) =>
        before && added.length === 0 && !before.hasMore
          ? before
          : {
              messages: [...(before?.messages ?? []), ...added],
              hasMore: added.length === PAGE,
            },
      );
      setFailure(undefined);
    } catch (error) {
      setFailure(toFailure(error));
    } finally {
      isBusy.current = false;
    }
  }, [id]);
  useEffect(() => {
    if (pages === undefined || (!pages.hasMore && last.current < count)) void load();
  }, [pages, count, load]);
  return {
    messages: pages?.messages ?? [],
    isLoading: pages === undefined,
    hasMore: pages?.hasMore ?? false,
    failure,
    loadMore: () => void load(),
  };
}
