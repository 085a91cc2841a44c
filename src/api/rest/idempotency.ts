import type { Queryable } from '../../db/connection/pool.ts';
import { keyIn, storeAnswer, takeKey } from './framework/request-keys.ts';
import type { Route, RouteContext, RouteInput, RouteResponse } from './framework/route.ts';
import { restRoutes } from './rest-routes.ts';

/**
 * The stored part of an answer: the path of the row that was shown, or the ids that were returned.
 * Never contains the content of messages.
 */
type StoredAnswer = { status: number; location?: string; body?: unknown };

/**
 * Answers a request in its transaction, once for each Idempotency-Key. The changes and the stored
 * answer are committed together. A repeated request is answered with the row as it is now.
 */
export async function workOnce(
  db: Queryable,
  route: Route,
  input: RouteInput<never, never, never>,
  context: RouteContext,
): Promise<RouteResponse> {
  const key = keyIn(input.headers);
  const work = async () => (await route.work?.(db, input, context)) ?? {};
  if (!route.isKeyed || key === undefined) return work();
  const { params, query, body: sent } = input;
  const stored = await takeKey<StoredAnswer>(db, key, [
    route.method,
    route.path,
    params,
    query,
    sent,
  ]);
  if (stored) return repeatAnswer(db, route, stored, input, context);
  const answer = await work();
  const location = answer.headers?.location;
  const { status = 200 } = answer;
  const body = route.findAgain ? { id: (answer.body as { id: string }).id } : answer.body;
  const toStore: StoredAnswer = location === undefined ? { status, body } : { status, location };
  await storeAnswer(db, key, toStore);
  return answer;
}

async function repeatAnswer(
  db: Queryable,
  { findAgain }: Route,
  { status, location, body }: StoredAnswer,
  input: RouteInput<never, never, never>,
  context: RouteContext,
): Promise<RouteResponse> {
  if (location === undefined) {
    return { status, body: findAgain ? await findAgain(db, (body as { id: string }).id) : body };
  }
  const found = routeAt(location);
  const shown = await found?.route.work?.(
    db,
    { ...input, params: found.params as never, query: {} as never },
    context,
  );
  return { ...shown, status, headers: { location } };
}

/** Returns the route that shows the row at a path. */
function routeAt(path: string) {
  for (const route of restRoutes) {
    const pattern = route.path.replace(/\{(\w+)\}$/, '(?<$1>[^/{}]+)');
    const params =
      route.method === 'GET' ? new RegExp(`^${pattern}$`).exec(path)?.groups : undefined;
    if (params) return { route, params };
  }
  return undefined;
}
