import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { textRecognitionFinding } from '../../../src/cli/doctor/text-recognition.ts';

test('doctor names the languages in which text in images is recognized', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'howdah-tessdata-'));
  expect(await textRecognitionFinding(undefined)).toMatchObject({ ok: true });
  for (const place of [folder, join(folder, 'nowhere')]) {
    const finding = await textRecognitionFinding(place);
    expect(finding).toMatchObject({ ok: false, fix: expect.stringContaining('eng.traineddata') });
  }
  for (const name of ['eng.traineddata', 'deu.traineddata', 'pdf.ttf']) {
    await writeFile(join(folder, name), '');
  }
  expect(await textRecognitionFinding(folder)).toEqual({
    ...{ check: 'text in images', ok: true, found: 'data of Tesseract: deu, eng' },
  });
  expect(await textRecognitionFinding(folder, () => false)).toMatchObject({
    ...{ ok: false, fix: 'npm install tesseract.js-core' },
  });
});
