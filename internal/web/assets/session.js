// Who asks: whoever is signed in, by a cookie that no script can read, or
// whoever has a link that shares a job, by the token in its fragment.

import { $, ask, make, moment, pause, Problem, show, text } from "./common.js";

const session = new URL("../../session", import.meta.url).href;

let shared; // the token of the link, if it is what this page asks by

// credentials are the headers to ask with.
export const credentials = () => (shared ? { Authorization: `Bearer ${shared}` } : {});

// begin takes the token of a link, unless whoever is signed in may see what it
// shares anyway.
export async function begin(url) {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return;
  const answer = await fetch(url, { cache: "no-store", headers: { Accept: "application/json" } }).catch(() => undefined);
  if (!answer?.ok) shared = token;
}

let form; // once it was needed
let signingIn = false;

// signIn has somebody sign in, and ends when they have, or may have elsewhere.
export async function signIn(problem) {
  const link = Boolean(shared);
  shared = undefined;
  if (!form) build();
  document.body.classList.add("out");
  if (link || !signingIn) {
    const ended = problem.code === "invalid_token" ? `You are signed out. ${problem.message}` : "";
    refuse(link ? "This link is no longer good. Ask for a new one, or sign in." : ended);
    $("token").focus();
  }
  signingIn = true;
  await new Promise((resolve) => {
    form.onsubmit = async (event) => {
      event.preventDefault();
      if (await submit()) {
        history.replaceState(null, "", location.pathname + location.search); // without the link's token
        resolve();
      }
    };
    pause(60000).then(resolve); // another tab may have signed in
  });
}

// signedIn is for when an answer has come.
export function signedIn() {
  if (!signingIn && $("who").childElementCount > 0) return;
  signingIn = false;
  document.body.classList.remove("out");
  tell();
}

// submit has this browser keep the token, and tells whether it does.
async function submit() {
  const token = $("token").value.trim();
  $("signInNow").disabled = true;
  const problem = await keep(token);
  $("signInNow").disabled = false;
  refuse(problem);
  if (!problem) $("token").value = "";
  return !problem;
}

// keep returns what is wrong with a token, or nothing.
async function keep(token) {
  if (!/^[!-~]+$/.test(token)) return "That is no token.";
  const headers = { Accept: "application/json", Authorization: `Bearer ${token}` };
  const answer = await fetch(session, { method: "POST", cache: "no-store", headers }).catch(() => undefined);
  if (!answer) return "It can't be reached.";
  if (answer.ok) return "";
  const body = await answer.json().catch(() => ({ title: `It answers ${answer.status}.` }));
  return [body.title, body.detail].filter(Boolean).join(" ");
}

function refuse(problem) {
  text($("refusal"), problem);
  show($("refusal"), problem !== "");
}

function build() {
  form = make("form", "card");
  form.id = "signIn";
  const label = make("label", "field", "Token ");
  const input = make("input");
  Object.assign(input, { id: "token", type: "password", required: true, autocomplete: "current-password", spellcheck: false });
  label.append(input);
  const button = make("button", "", "Sign in");
  button.id = "signInNow";
  const refusal = make("p", "banner");
  refusal.id = "refusal";
  refusal.role = "alert";
  refusal.hidden = true;
  const row = make("div", "command");
  row.append(label, button);
  form.append(make("h1", "", "Sign in"), make("p", "quiet", "With the token that you were given. This browser keeps it, out of reach of scripts, until it ends or you sign out, 30 days at most."), row, refusal);
  document.querySelector("main").prepend(form);
}

// tell says who is signed in, and has the page offer what they may do.
async function tell() {
  const who = $("who");
  if (shared) {
    who.replaceChildren(make("span", "", "shared with you, to read"));
    show(who, true);
    return;
  }
  const { body } = await ask(session).catch(() => ({}));
  if (!body) return; // it is asked for again with the next answer
  document.body.classList.toggle("writer", body.scope !== "read");
  if (body.open) {
    who.replaceChildren(make("span"));
    show(who, false);
    return;
  }
  const name = make("bdi", "", body.owner ?? body.name);
  name.title = [`${body.name}, ${body.scope}`, body.expires_at && `until ${moment(body.expires_at)}`].filter(Boolean).join(", ");
  const out = make("button", "quiet", "Sign out");
  out.id = "signOut";
  out.onclick = async () => {
    const answer = await fetch(session, { method: "DELETE" }).catch(() => undefined);
    if (answer?.ok) location.reload();
    else text(out, "Try again");
  };
  who.replaceChildren(name, out);
  show(who, true);
}

export const refused = (problem) => problem instanceof Problem && problem.status === 401;
