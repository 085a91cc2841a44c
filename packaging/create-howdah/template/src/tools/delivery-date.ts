import { defineTool } from 'howdah';
import { z } from 'zod';

const WORKING_DAYS = { standard: 3, express: 1 };

/** A tool of the agent `support`: computes when an order arrives. */
export const deliveryDate = defineTool({
  name: 'delivery_date',
  description: 'The day on which a shipped order arrives.',
  parameters: z.object({
    shipped_on: z.iso.date().describe('The day it was shipped, such as 2026-05-07'),
    service: z.enum(['standard', 'express']),
  }),
  effect: 'pure',
  run: ({ shipped_on, service }) => ({
    arrives_on: addWorkingDays(shipped_on, WORKING_DAYS[service]),
  }),
});

/** Returns the date that is a number of working days later, from Monday to Friday. */
export function addWorkingDays(date: string, days: number): string {
  const day = new Date(`${date}T00:00:00Z`);
  for (let left = days; left > 0; ) {
    day.setUTCDate(day.getUTCDate() + 1);
    if (day.getUTCDay() % 6 !== 0) left -= 1;
  }
  return day.toISOString().slice(0, 10);
}
