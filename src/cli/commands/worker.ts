import type { Command } from 'commander';
import { exitCodes } from '../exit-codes.ts';
import type { CliIo } from '../output.ts';

/** `howdah worker`: runs agents until it is told to stop; then drains and hands over. */
export function register(command: Command, io: CliIo): void {
  command.action(async () => {
    const { createLog, openDatabase, openWorker, prepareDatabase } = await import(
      '../../bootstrap.ts'
    );
    const config = await io.config();
    const { url } = await openDatabase(config, io.err);
    await prepareDatabase(url, config);
    const worker = await openWorker(url, config, createLog(config));
    io.err(`worker ${process.pid} is ready, up to ${config.workerConcurrency} runs at a time`);
    await new Promise<void>((resolve) => io.onInterrupt(resolve));
    io.err(`draining ${worker.inFlight} runs; once more to stop at once`);
    await worker.stop();
    io.setExitCode(exitCodes.ok);
  });
}
