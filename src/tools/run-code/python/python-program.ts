import { RESULT_BYTES, STDOUT_BYTES } from '../job.ts';
import { FILES_BYTES, MAX_FILES } from '../scratch.ts';

/** The scratch folder, which exists only in memory. */
export const SCRATCH = '/work';

/**
 * The program that runs in the sandbox. It reads the job from stdin, runs its code and writes a
 * report to descriptor 3. Job and report are a line of JSON with the names and lengths of files,
 * followed by the content of the files. The program is no security boundary, the sandbox is: the
 * code may change all of the program, and then only that code is affected.
 */
export const PYTHON_PROGRAM = `
import ast, io, json, os, sys, traceback

job = json.loads(sys.stdin.buffer.readline())
report = os.fdopen(3, 'wb')

def copy(source, target, left):
    while left > 0 and (chunk := source.read(min(left, 65536))):
        target.write(chunk)
        left -= len(chunk)

for one in job['files']:
    with open(one['name'], 'wb') as file: copy(sys.stdin.buffer, file, one['bytes'])

class Left(Exception): pass

def left_behind():
    found = []
    with os.scandir('${SCRATCH}') as entries:
        for entry in entries:
            if not entry.is_file(follow_symlinks=False):
                raise Left(f'only plain files come back of the scratch folder, and {entry.name!a} is none: remove it')
            if len(found) == ${2 * MAX_FILES}:
                raise Left('at most ${MAX_FILES} files come back: put what belongs together into one file')
            found.append({'name': entry.name, 'bytes': entry.stat(follow_symlinks=False).st_size})
    return sorted(found, key=lambda one: one['name'])

class BoundedOutput(io.TextIOBase):
    left = ${STDOUT_BYTES + 1}
    def writable(self): return True
    def write(self, text):
        if self.left > 0:
            sys.__stdout__.write(text[:self.left])
            sys.__stdout__.flush()
            self.left -= len(text)
        return len(text)

def plain(value):
    return list(value) if isinstance(value, (set, frozenset, range)) else str(value)

def place(error):
    if isinstance(error, SyntaxError) and error.filename == 'code.py':
        return error.lineno, error.offset
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename == 'code.py':
            column = getattr(frame, 'colno', None)
            return frame.lineno, None if column is None else column + 1
    return None, None

def evaluate(tree, names):
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, 'code.py', 'exec'), names)
    return None if last is None else eval(compile(ast.Expression(last.value), 'code.py', 'eval'), names)

sys.stdout = sys.stderr = BoundedOutput()
try:
    try:
        value = evaluate(ast.parse(job['code'], 'code.py'), {'__name__': '__main__', 'data': job['data']})
    except SystemExit:
        value = None
    result = json.dumps(value, default=plain, allow_nan=False, ensure_ascii=False)
    outcome = {'result': result, 'files': left_behind()}
    if len(result.encode()) > ${RESULT_BYTES}:
        outcome = {'fault': 'result', 'message': 'its result has more than ${RESULT_BYTES} bytes: give a part of it'}
except MemoryError:
    outcome = {'fault': 'memory', 'message': ''}
except Left as error:
    outcome = {'fault': 'files', 'message': str(error)[:2000]}
except BaseException as error:
    line, column = place(error)
    message = error.msg if isinstance(error, SyntaxError) else str(error)[:2000]
    if isinstance(error, OSError) and error.errno in (27, 28):
        message += ': files have at most ${FILES_BYTES} bytes together'
    outcome = {'fault': 'threw', 'message': f'{type(error).__name__}: {message}'}
    if line is not None: outcome['line'] = line
    if column is not None: outcome['column'] = column
report.write(json.dumps(outcome).encode() + b'\\n')
for one in outcome.get('files', []):
    with open(os.path.join('${SCRATCH}', one['name']), 'rb') as file: copy(file, report, one['bytes'])
report.flush()
`;
