import {
  approveMemory,
  correctMemory,
  pinMemory,
  proposeMemory,
  recallMemories,
  rejectMemory,
  remember,
} from '../../../operations/definitions/memories.ts';
import { memories } from '../../../resources/definitions/memories.ts';
import { resourceRoutes } from '../framework/resource-routes.ts';
import type { Route } from '../framework/route.ts';

/** Routes of memories. The fixed path of recall comes before the path with an id. */
export const memoryRoutes: Route[] = [
  recallMemories,
  ...resourceRoutes(memories),
  remember,
  correctMemory,
  pinMemory,
  proposeMemory,
  approveMemory,
  rejectMemory,
];
