// Swagger UI, which calls as the user who is chosen.
import { description, introduce, person } from "./people.js";

const select = document.querySelector("#user");
const told = document.querySelector("#told");
const paste = "Paste a token under Authorize; the server printed one per user when it started.";

introduce(select, document.querySelector("#people"));
document.querySelector("#choice").hidden = !select.length;

const ui = SwaggerUIBundle({
  url: "/docs/rest/document.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
  displayRequestDuration: true,
  onComplete: authorize,
});
select.addEventListener("change", authorize);

function authorize() {
  const user = person(select.value);
  for (const scheme of user ? description.schemes : []) {
    ui.preauthorizeApiKey(scheme, user.token);
  }
  told.textContent = user ? `What is tried below is sent with ${user.name}'s token.` : paste;
}
