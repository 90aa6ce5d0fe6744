// The users that a page can act as.

export const description = await (await fetch("/docs/try.json")).json();

document.querySelector("#inspector").hidden = !description.control;

/** The one row of a table that has these cells. */
function row(kind, cells) {
  const row = document.createElement("tr");
  for (const text of cells) {
    const cell = row.appendChild(document.createElement(kind));
    cell.textContent = text;
  }
  return row;
}

/** Put every user into a select, where tokens are handed out, and the ids of all into a table. */
export function introduce(select, table) {
  for (const user of description.users) {
    if (user.token) select.add(new Option(user.name, user._id));
    table.tBodies[0].append(row("td", [user.name, user._id, user.userId]));
  }
}

/** A text that names another user wherever it names this one, who would write to themselves. */
export function toAnother(text, user) {
  const other = description.users.find((each) => each !== user);
  if (!user || !other) return text;
  return text.replaceAll(user._id, other._id).replaceAll(user.userId, other.userId);
}

/** The user with this ObjectId. */
export function person(id) {
  return description.users.find((user) => user._id === id);
}
