// Validates AsyncAPI documents, payloads in OpenAPI schemas included: node asyncapi.mjs FILE...
// Exits 1 when a document has an error or a warning, 3 when payloads would go unchecked.
import { Parser, fromFile } from '@asyncapi/parser';
import { OpenAPISchemaParser } from '@asyncapi/openapi-schema-parser';

const SEVERITIES = ['error', 'warning', 'information', 'hint'];
const WARNING = 1;

const documentWith = (schema) =>
  JSON.stringify({
    asyncapi: '3.1.0',
    info: { title: 'A self-check', version: '1.0.0' },
    channels: {
      chat: {
        address: '/',
        messages: {
          probe: {
            name: 'probe',
            payload: { schemaFormat: 'application/vnd.oai.openapi;version=3.0.0', schema },
          },
        },
      },
    },
  });

const parser = new Parser();
parser.registerSchemaParser(OpenAPISchemaParser());

// Without the plug-in a payload is left as it stands and `nullable` has no meaning. So a broken one has
// to be refused, and in a good one `nullable` has to become a type.
const broken = await parser.parse(documentWith({ type: 'no such type' }));
const good = await parser.parse(documentWith({ type: 'string', nullable: true }));
const type = good.document?.allMessages().all()[0].payload()?.json().schema.type;
if (!broken.diagnostics.some(({ severity }) => severity === 0) || type?.[1] !== 'null') {
  console.error('the plug-in for OpenAPI schemas does not work: payloads would go unchecked');
  process.exit(3);
}

let problems = 0;
for (const file of process.argv.slice(2)) {
  const { document, diagnostics } = await fromFile(parser, file).parse();
  for (const { severity, message, path } of diagnostics) {
    if (severity <= WARNING) problems += 1;
    console.log(`${file}, /${path.join('/')}: ${SEVERITIES[severity]}: ${message}`);
  }
  if (document === undefined) problems += 1;
}
console.log(`${problems} problem(s)`);
process.exit(problems === 0 ? 0 : 1);
