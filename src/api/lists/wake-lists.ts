import type { Server } from 'node:http';
import type { ListFeed } from '../../db/lists/list-feed.ts';
import type { FeedHub } from '../feed/feed-hub.ts';
import { whenClosed } from '../limits/connection-draining.ts';

const READS: readonly unknown[] = ['GET', 'HEAD', 'OPTIONS'];

type Feeds = { hub: Pick<FeedHub, 'onJobsAdded'>; lists: Pick<ListFeed, 'wake'> };

/** Ends the rest of followed lists when jobs are added, and after requests that may write. */
export function wakeLists(server: Server, { hub, lists }: Feeds): void {
  hub.onJobsAdded(() => lists.wake());
  server.on('request', ({ method }, response) => {
    if (!READS.includes(method)) whenClosed(response, () => lists.wake());
  });
}
