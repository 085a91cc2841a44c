import { readFileSync, writeFileSync } from 'node:fs';
import { buildCatalog, catalogText, installedSource } from './build-catalog.ts';
import { catalogFile } from './schema.ts';

// Writes the catalogue of models from the installed package: npm run catalog -- 2026-09-23. The
// date is the day on which the installed version was published (npm view @pydantic/genai-prices
// time). Facts that the package lacks, and the usual models, remain as they are in the file. A
// person reviews the diff.

const FILE = new URL('../../../src/providers/catalog/models.json', import.meta.url);
const committed = catalogFile.parse(JSON.parse(readFileSync(FILE, 'utf8')));
const [day = committed.source === installedSource() ? committed.as_of : undefined] =
  process.argv.slice(2);
if (day === undefined) {
  console.error(`Name the day on which ${installedSource()} was published: npm run catalog -- DAY`);
  process.exit(2);
}
const catalog = catalogFile.parse(buildCatalog(day, committed));
writeFileSync(FILE, catalogText(catalog));
console.log(
  `${catalog.models.length} models as of ${day}. Review the diff, then npm run generate.`,
);
