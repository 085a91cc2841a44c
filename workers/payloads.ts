import { z } from 'zod';

/** What the job `advance` carries: which run to wake. */
export const advancePayload = z.object({ id: z.uuid() });
