import { launchChromium } from '../../test/console/chromium.ts';
import type { Bench } from '../bench.ts';
import { measureFirstPaint } from './first-paint.ts';
import { measureHotPath } from './hot-path.ts';
import { measureIdle } from './idle-statements.ts';
import { measureListMemory } from './list-memory.ts';
import { measureLiveSteps } from './live-step.ts';

/**
 * The console in a headless Chromium, and what open consoles cost the server. Needs a checkout and
 * a Chromium (`CHROMIUM_PATH`).
 */
export const consoleBench: Bench = async (context) => {
  const browser = await launchChromium();
  try {
    return [
      ...(await measureLiveSteps(context, browser)),
      ...(await measureHotPath(context)),
      ...(await measureIdle(context, browser)),
      ...(await measureListMemory(context, browser)),
      ...(await measureFirstPaint(context, browser)),
    ];
  } finally {
    await browser.close();
  }
};
