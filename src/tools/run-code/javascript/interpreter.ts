import { readFile } from 'node:fs/promises';
import release from '@jitl/quickjs-wasmfile-release-sync';
import {
  newQuickJSWASMModuleFromVariant,
  newVariant,
  type QuickJSContext,
  type QuickJSHandle,
  type QuickJSSyncVariant,
} from 'quickjs-emscripten-core';
import { parseJson } from '../../../json/parse-json.ts';
import {
  type CodeEnd,
  type CodeFault,
  type CodeJob,
  type CodeReport,
  RESULT_BYTES,
  STDOUT_BYTES,
  truncateOutput,
} from '../job.ts';
import { Scratch } from '../scratch.ts';
import { filesFunctions } from './interpreted-files.ts';
import { type BoundMemory, boundMemory } from './memory.ts';
import { PRELUDE } from './prelude.ts';

/**
 * The part of WebAssembly that is used here. Neither the library of this language level nor
 * @types/node declares it.
 */
declare const WebAssembly: {
  compile(bytes: Uint8Array): Promise<object>;
};

/** A cast, because the package declares a module of another kind than the one that is loaded. */
const variant = release as unknown as QuickJSSyncVariant;

const FILE = 'code.js';
/**
 * JS_EVAL_FLAG_ASYNC of QuickJS: allows `await` at the top level, and returns the value of the last
 * expression.
 */
const AWAITING = 128;
const WRAPPER = 'await (async () => {';
/** The stack of the interpreted code, well below the stacks of the interpreter and its thread. */
const STACK_BYTES = 256 * 1024;
const FIRST_PAGES = 256; // the initial memory of the interpreter's build
const PAGES_OF_A_MB = 16;
const STEPS_AT_ONCE = 1_000;

const OUT_OF_TIME: CodeFault = { fault: 'time', message: '' };
const OUT_OF_MEMORY: CodeFault = { fault: 'memory', message: '' };
const OUT_OF_STACK: CodeFault = { fault: 'stack', message: 'too much recursion' };
const NEVER: CodeFault = { fault: 'threw', message: 'it awaits something that never comes' };

let compiling: Promise<object> | undefined;

/** Returns the compiled interpreter. Each thread compiles it once. */
function compileEngine(): Promise<object> {
  const root = import.meta.resolve('@jitl/quickjs-wasmfile-release-sync/package.json');
  compiling ??= readFile(new URL('./dist/emscripten-module.wasm', root)).then((bytes) =>
    WebAssembly.compile(bytes),
  );
  return compiling;
}

/**
 * Runs JavaScript in a new interpreter. Its memory is allocated for this job, can grow up to the
 * job's limit, and is released afterwards. The function may block beyond the time limit, so the
 * caller must be able to terminate this thread.
 */
export async function interpret(job: CodeJob): Promise<CodeReport> {
  const bound = boundMemory(FIRST_PAGES, job.memory_mb * PAGES_OF_A_MB);
  const own = newVariant(variant, { wasmModule: await compileEngine(), wasmMemory: bound.memory });
  const quickjs = await newQuickJSWASMModuleFromVariant(own);
  const printed = new Printed();
  let outcome: CodeEnd | CodeFault;
  try {
    outcome = new Evaluation(quickjs.newContext(), job, printed, bound).outcome();
  } catch (error) {
    outcome = trapFault(error);
  }
  return { stdout: printed.text, ...outcome };
}

/** Collects printed lines up to the limit of stdout. */
class Printed {
  readonly #lines: string[] = [];
  #characters = 0;

  add(line: string): void {
    if (this.#characters <= STDOUT_BYTES) {
      this.#lines.push(line);
      this.#characters += line.length + 1;
    }
  }

  get text(): string {
    return truncateOutput(this.#lines.join('\n'), STDOUT_BYTES);
  }
}

/**
 * One job in its interpreter. Nothing is disposed individually, because the whole memory is
 * released with the job.
 */
class Evaluation {
  readonly #context: QuickJSContext;
  readonly #code: string;
  readonly #tools: QuickJSHandle;
  readonly #timeoutMs: number;
  /** The time at which the code is interrupted. The prelude, which is ours, has no limit. */
  #end = Number.POSITIVE_INFINITY;
  readonly #scratch: Scratch;
  readonly #memory: BoundMemory;
  #isOver = false;

  constructor(context: QuickJSContext, job: CodeJob, printed: Printed, memory: BoundMemory) {
    this.#memory = memory;
    this.#context = context;
    this.#code = job.code;
    this.#timeoutMs = job.timeout_ms;
    this.#scratch = new Scratch(job.files);
    context.runtime.setMaxStackSize(STACK_BYTES);
    context.runtime.setInterruptHandler(() => this.#late());
    const print = context.newFunction('print', (line) => printed.add(this.#textOf(line)));
    const prelude = context.unwrapResult(context.evalCode(PRELUDE, 'prelude.js'));
    const data = context.newString(JSON.stringify(job.data));
    const longest = context.newNumber(STDOUT_BYTES + 1);
    const { put, text, bytes, list } = filesFunctions(context, this.#scratch);
    const preludeArguments = [print, data, longest, put, text, bytes, list];
    this.#tools = context.unwrapResult(
      context.callFunction(prelude, context.undefined, preludeArguments),
    );
  }

  outcome(): CodeEnd | CodeFault {
    this.#end = performance.now() + this.#timeoutMs;
    const value = this.#evaluate(this.#code, 0);
    if ('fault' in value) return value;
    const serialized = this.#awaitPromise(this.#tool('tell', value.handle), 0);
    if ('fault' in serialized) return serialized;
    const length = this.#context.getNumber(this.#context.getProp(serialized.handle, 'length'));
    const result = length > RESULT_BYTES ? undefined : this.#context.getString(serialized.handle);
    return result === undefined || Buffer.byteLength(result) > RESULT_BYTES
      ? {
          fault: 'result',
          message: `its result has more than ${RESULT_BYTES} bytes: give a part of it`,
        }
      : { result, files: this.#scratch.made };
  }

  /**
   * Evaluates the code. Code with a `return` at the top level is evaluated again as the body of a
   * function. The first attempt is a syntax error, so the code runs only once.
   */
  #evaluate(code: string, offset: number): { handle: QuickJSHandle } | CodeFault {
    const evaluation = this.#context.evalCode(code, FILE, AWAITING);
    if (evaluation.error) {
      const fault = this.#blame(evaluation.error, offset);
      return offset === 0 && /SyntaxError: return not in a function/.test(fault.message)
        ? this.#evaluate(`${WRAPPER}${code}\n})()`, WRAPPER.length)
        : fault;
    }
    const settled = this.#awaitPromise(evaluation, offset);
    return 'fault' in settled
      ? settled
      : { handle: this.#context.getProp(settled.handle, 'value') };
  }

  #awaitPromise(
    promise: ReturnType<QuickJSContext['callFunction']>,
    offset: number,
  ): { handle: QuickJSHandle } | CodeFault {
    if (promise.error) return this.#blame(promise.error, offset);
    const { runtime } = this.#context;
    for (;;) {
      if (this.#late()) return OUT_OF_TIME;
      const state = this.#context.getPromiseState(promise.value);
      if (state.type === 'fulfilled') return { handle: state.value };
      if (state.type === 'rejected') return this.#blame(state.error, offset);
      if (!runtime.hasPendingJob()) return this.#memory.isFull() ? OUT_OF_MEMORY : NEVER;
      const ran = runtime.executePendingJobs(STEPS_AT_ONCE);
      if (ran.error) return this.#blame(ran.error, offset);
    }
  }

  #blame(error: QuickJSHandle, offset: number): CodeFault {
    if (this.#late()) return OUT_OF_TIME;
    if (this.#memory.isFull() && this.#context.sameValue(error, this.#context.null)) {
      return OUT_OF_MEMORY;
    }
    const read = this.#tool('blame', error);
    if (this.#late()) return OUT_OF_TIME;
    // reading the error failed for lack of memory
    return read.error
      ? OUT_OF_MEMORY
      : faultOf(parseJson<Blamed>(this.#textOf(read.value)), offset);
  }

  #tool(name: 'tell' | 'blame', argument: QuickJSHandle) {
    const tool = this.#context.getProp(this.#tools, name);
    return this.#context.callFunction(tool, this.#context.undefined, argument);
  }

  /**
   * Returns a text up to a length, because the code may have replaced the functions of the prelude.
   */
  #textOf(handle: QuickJSHandle): string {
    const length = this.#context.getNumber(this.#context.getProp(handle, 'length'));
    return length <= 2 * STDOUT_BYTES ? this.#context.getString(handle) : '';
  }

  #late(): boolean {
    this.#isOver ||= performance.now() > this.#end;
    return this.#isOver;
  }
}

type Blamed = { name: string; message: string; stack: string };

function faultOf({ name, message, stack }: Blamed, offset: number): CodeFault {
  if (name === 'InternalError' && message === 'out of memory') return OUT_OF_MEMORY;
  if (name === 'InternalError' && message === 'stack overflow') return OUT_OF_STACK;
  const [, line, column] = /code\.js:(\d+)(?::(\d+))?/.exec(stack) ?? [];
  return {
    fault: 'threw',
    message: name === '' ? message : `${name}: ${message}`,
    ...(line === undefined ? {} : { line: Number(line) }),
    ...(column === undefined ? {} : { column: Number(column) - (line === '1' ? offset : 0) }),
  };
}

/** Converts an error of the interpreter itself, for example after too deep calls. */
function trapFault(error: unknown): CodeFault {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof RangeError) return OUT_OF_STACK;
  return /memory|\bOOM\b/i.test(message)
    ? OUT_OF_MEMORY
    : { fault: 'threw', message: `the interpreter stopped: ${message}` };
}
