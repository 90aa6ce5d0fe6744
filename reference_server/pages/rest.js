// Swagger UI, which calls as the user who is chosen.
import { description, introduce, person, toAnother } from "./people.js";

const select = document.querySelector("#user");
const told = document.querySelector("#told");
const paste = "Paste a token under Authorize; the server printed one per user when it started.";

introduce(select, document.querySelector("#people"));
document.querySelector("#choice").hidden = !select.length;

const served = await (await fetch("/docs/rest/document.json")).json();
const ui = SwaggerUIBundle({
  spec: directed(),
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
  displayRequestDuration: true,
  onComplete: authorize,
});
select.addEventListener("change", () => {
  ui.specActions.updateJsonSpec(directed());
  directOpened();
  authorize();
});

/** Directs what stands in forms that are open as well. */
function directOpened() {
  for (const [path, item] of Object.entries(served.paths)) {
    for (const method of Object.keys(item).filter((key) => item[key]?.operationId)) {
      const body = ui.oas3Selectors.requestBodyValue(path, method);
      const value = typeof body === "string" && toAnother(body, person(select.value));
      if (value) ui.oas3Actions.setRequestBodyValue({ value, pathMethod: [path, method] });
      ui.specSelectors.parameterValues([path, method]).forEach((given, key) => {
        const [place, ...name] = key.split(".");
        const turned = typeof given === "string" ? toAnother(given, person(select.value)) : given;
        if (turned !== given) ui.specActions.changeParam([path, method], name.join("."), place, turned, false);
      });
    }
  }
}

/** The document, in which what is sent is for somebody else than the user who is chosen. */
function directed() {
  const turned = (part) => part && JSON.parse(toAnother(JSON.stringify(part), person(select.value)));
  const { paths, components = {} } = structuredClone(served);
  for (const operation of Object.values(paths).flatMap(Object.values)) {
    if (operation?.requestBody) operation.requestBody = turned(operation.requestBody);
  }
  const { schemas, parameters } = components;
  return { ...served, paths, components: { ...components, schemas: turned(schemas), parameters: turned(parameters) } };
}

function authorize() {
  const user = person(select.value);
  for (const scheme of user ? description.schemes : []) {
    ui.preauthorizeApiKey(scheme, user.token);
  }
  told.textContent = user ? `What is tried below is sent with ${user.name}'s token.` : paste;
}
