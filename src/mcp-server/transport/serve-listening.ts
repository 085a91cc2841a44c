import { createMcpHandler, type ServerEvent } from '@modelcontextprotocol/server';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import type { Caller } from '../caller.ts';
import { createMcpServer } from '../mcp-server.ts';
import { etagsOfAll } from '../resources/etags.ts';
import { executionOf } from '../resources/uris.ts';
import {
  LIST_NAMES,
  type WatchedChange,
  type WatchedSubscriptions,
  watchChanges,
} from './changes.ts';

export type ListeningRequest = {
  request: Request;
  body: JsonObject;
  caller: Caller;
  closing: AbortSignal;
  onError(error: unknown): void;
};

/** Most resources that one stream reports. */
const MAX_RUNS = 100;

/**
 * Serves `subscriptions/listen` of revision 2026-07-28. One stream reports all that the client
 * subscribes to, so nothing needs to be stored.
 */
export async function serveListening(listeningRequest: ListeningRequest): Promise<Response> {
  const { request, body, caller, closing, onError } = listeningRequest;
  const filter = filterOf(body);
  if (filter.uris.length > MAX_RUNS) return tooMany(body.id ?? null);
  const subscriptions = await visibleSubscriptions(caller, filter);
  const leaving = new AbortController();
  const signal = AbortSignal.any([request.signal, closing, leaving.signal]);
  const early: ServerEvent[] = [];
  let publish = (event: ServerEvent): void => void early.push(event);
  const watch = await watchChanges({
    caller,
    subscriptions: () => subscriptions,
    report: (change) => publish(eventOf(change)),
    signal,
  });
  const handler = createMcpHandler(
    () => createMcpServer({ caller, onDisconnect: 'continue', isClosing: () => closing.aborted }),
    {
      legacy: 'reject',
      bus: {
        publish: () => {},
        subscribe(listener) {
          for (const event of early.splice(0)) listener(event);
          publish = listener;
          return () => leaving.abort();
        },
      },
    },
  );
  const end = () => void handler.close().catch(onError);
  void watch.over.catch(() => {}).finally(end); // a caller without access gets no more
  closing.addEventListener('abort', end, { once: true });
  const response = await handler.fetch(request, { parsedBody: body });
  if (!response.headers.get('content-type')?.includes('event-stream')) leaving.abort();
  return response;
}

type Filter = { lists: WatchedSubscriptions['lists']; uris: string[] };

/** Returns the filter in a request. The library rejects an invalid filter. */
function filterOf({ params }: JsonObject): Filter {
  const requested = isJsonObject(params) ? params.notifications : undefined;
  const filter: JsonObject = isJsonObject(requested) ? requested : {};
  const uris = Array.isArray(filter.resourceSubscriptions) ? filter.resourceSubscriptions : [];
  return {
    lists: new Set(LIST_NAMES.filter((name) => filter[`${name}ListChanged`] === true)),
    uris: uris.filter((uri) => typeof uri === 'string'),
  };
}

/**
 * Returns the subscriptions in a filter. A resource that the caller cannot see is treated like one
 * that does not exist, and is never reported.
 */
async function visibleSubscriptions(
  caller: Caller,
  { lists, uris }: Filter,
): Promise<WatchedSubscriptions> {
  const keys = uris.map((uri) => executionOf(uri) ?? uri);
  const runs =
    keys.length > 0 ? await caller.transact((client) => etagsOfAll(client, keys)) : new Map();
  return { lists, runs };
}

function eventOf(change: WatchedChange): ServerEvent {
  return 'uri' in change
    ? { kind: 'resource_updated', uri: change.uri }
    : { kind: `${change.list}_list_changed` };
}

function tooMany(id: Json): Response {
  const message = `maximum number of resources of a stream (${MAX_RUNS}) exceeded`;
  const error = { code: -32_602, message, data: { code: 'HWINV' } };
  return Response.json({ jsonrpc: '2.0', error, id });
}
