import { type Offloadable, offload, withOffload } from '../../concurrency/offload.ts';
import { moduleBeside, ThreadFault } from '../../concurrency/thread-pool.ts';
import { isOutOfTime } from '../../concurrency/within-time.ts';
import type { BuiltinTool } from '../../contracts/agents/tool.ts';
import { invalidArguments } from '../parse-arguments.ts';
import { type Calculation, calculate } from './decimal-expression.ts';

/** A short expression may have a hundred functions of 120 digits, such as `acos`. */
const CALCULATE: Offloadable<[expression: string], Calculation> = {
  module: moduleBeside('./decimal-expression.ts', import.meta.url),
  name: 'calculate',
  deadline_ms: 5_000,
  callHere: calculate,
};

/** The tool `calculator {expression}`. The result is the value as text, with all its digits. */
export const calculatorTool: BuiltinTool = {
  name: 'calculator',
  async run({ expression }, { tenant_id, signal }) {
    const text = String(expression);
    const done = await finishInTime(async () =>
      withOffload(tenant_id, signal, () => offload(CALCULATE, text)),
    );
    if ('value' in done) return { ok: true, value: done.value };
    return { ok: false, error: invalidArguments(`expression: ${done.fault}`) };
  },
};

async function finishInTime(work: () => Promise<Calculation>): Promise<Calculation> {
  try {
    return await work();
  } catch (error) {
    const isLate =
      isOutOfTime(error) || (error instanceof ThreadFault && error.code === 'deadline');
    if (!isLate) throw error;
    return { fault: 'it takes more than 5 seconds: calculate its parts one by one' };
  }
}
