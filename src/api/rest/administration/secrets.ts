import {
  createSecret,
  removeSecret,
  rotateSecret,
} from '../../../operations/administration/secrets.ts';
import { secrets } from '../../../resources/administration/secrets.ts';
import { resourceRoutes } from '../framework/resource-routes.ts';
import type { Route } from '../framework/route.ts';

/** Routes of secrets. Values are only written. */
export const secretRoutes: Route[] = [
  ...resourceRoutes(secrets).filter(({ method }) => method === 'GET'),
  createSecret,
  rotateSecret,
  removeSecret,
];
