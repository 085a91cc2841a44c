import { eraseUser } from '../../../operations/administration/users.ts';
import { users } from '../../../resources/administration/users.ts';
import { resourceRoutes } from '../framework/resource-routes.ts';
import type { Route } from '../framework/route.ts';

/** Routes of users. A user is not deleted like a row, but erased with everything of that user. */
export const userRoutes: Route[] = [...resourceRoutes(users), eraseUser];
