import { versionOperations } from '../../../operations/definitions/versions.ts';
import type { Resource } from '../../../resources/resource.ts';
import type { Route } from '../framework/route.ts';

/** Returns the routes for the immutable versions of a kind. Versions of skills have no labels. */
export function versionRoutes(kind: Resource): Route[] {
  const { list, get, compare, restore, label, removeLabel } = versionOperations(kind);
  return [list, get, compare, restore, ...(kind.one === 'skill' ? [] : [label, removeLabel])];
}
