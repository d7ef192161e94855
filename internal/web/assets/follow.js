// Following one record: by its event stream, or by long-polling where streams
// are cut on their way.

import { ask, backoff, jitter, pause, Problem } from "./common.js";
import { begin, credentials, refused, signedIn, signIn } from "./session.js";

const silence = 45000; // of a stream, after which the record is asked for, in case the stream is dead
const firstEvent = 5000; // how long a stream may take to bring what is there already
const settled = 20000; // a stream that lived this long was not cut by something on its way
const pollingFor = 5 * 60000; // before streams are tried again

// follow tells of a record for as long as the page lives: record(record or
// undefined) for each state, and link(state, detail) about the connection:
// "live", "hidden", "over", or "away" with a Problem.
export async function follow(url, { record: tell, link }) {
  let known; // {body, etag} as last told
  let tellings = 0;
  let failures = 0;
  let cuts = 0;
  let pollUntil = 0;
  let endedAt = 0;

  await begin(url);
  const learn = (body, etag) => {
    known = { body, etag };
    tellings++;
    tell(body);
  };
  // look asks for the record, and tells whether there was news.
  const look = async (options, query = "") => {
    const before = tellings;
    const answer = await ask(url + query, { etag: known?.body && known.etag, ...options });
    failures = 0;
    signedIn();
    // What the stream told meanwhile may be newer.
    if (answer.status === 304 || tellings !== before) return false;
    const news = !known || answer.etag !== known.etag || !answer.body !== !known.body;
    learn(answer.body, answer.etag);
    return news;
  };

  for (;;) {
    try {
      await look();
      if (known.body?.terminal) {
        // A new attempt may follow.
        endedAt ||= Date.now();
        link("over");
        await pause(jitter(Date.now() - endedAt < 5 * 60000 && !document.hidden ? 15000 : 60000));
        continue;
      }
      endedAt = 0;
      if (document.hidden) {
        // Streams are few for each host; the title is kept up all the same.
        link("hidden");
        await pause(jitter(20000));
      } else if (!known.body || Date.now() < pollUntil) {
        link("live");
        await longPoll();
      } else {
        const how = await stream();
        cuts = how === "cut" ? cuts + 1 : 0;
        if (cuts === 2) {
          cuts = 0;
          pollUntil = Date.now() + pollingFor;
        }
        // A service that stops loses all its readers at once.
        if (how === "cut" || how === "lost") await pause(3000 * Math.random());
      }
    } catch (problem) {
      if (refused(problem)) {
        await signIn(problem);
        continue;
      }
      link("away", problem instanceof Problem ? problem : new Problem(String(problem)));
      failures++;
      await pause(Math.max(backoff(failures), 1000 * (problem.retryAfter || 0)));
    }
  }

  // longPoll waits for one change, until the page is hidden.
  async function longPoll() {
    const hidden = new AbortController();
    const hide = () => document.hidden && hidden.abort();
    document.addEventListener("visibilitychange", hide);
    try {
      const began = Date.now();
      await look({ signal: hidden.signal, patience: 65000 }, "?wait=50s");
      if (Date.now() - began < 1000) await pause(jitter(1000)); // not faster than people read
    } catch (problem) {
      if (!hidden.signal.aborted) throw problem;
    } finally {
      document.removeEventListener("visibilitychange", hide);
    }
  }

  // stream follows until the stream ends: "over", "hidden", "lost" after it had
  // worked for a while, or "cut". (An EventSource can show no token, gives up on
  // any answer but 200, and comes back at a time of its own after the rest.)
  async function stream() {
    const began = Date.now();
    const connection = new AbortController();
    let how = "cut";
    let heard = false;
    let watchdog = setTimeout(suspect, firstEvent);
    const end = (why) => {
      if (!connection.signal.aborted) how = why;
      connection.abort();
    };
    const alive = () => {
      heard = true;
      link("live");
      clearTimeout(watchdog);
      watchdog = setTimeout(suspect, silence);
    };
    // suspect finds out whether the stream holds news back.
    async function suspect() {
      const silent = !heard;
      const news = await look().catch(() => true);
      if (connection.signal.aborted) return;
      if (news || silent) end("cut");
      else alive();
    }
    const hide = () => document.hidden && end("hidden");
    document.addEventListener("visibilitychange", hide);
    try {
      const response = await fetch(url + "/events", {
        headers: { Accept: "text/event-stream", ...credentials() }, cache: "no-store", signal: connection.signal,
      });
      if (response.status !== 200) return how;
      for await (const event of events(response.body)) {
        alive();
        if (event.event === "status") {
          const body = JSON.parse(event.data);
          learn(body, `"${body.version}${body.liveness ? "-" + body.liveness : ""}"`);
        } else if (event.event === "gone") {
          learn(undefined);
        } else if (event.event === "end") {
          end("over");
        }
      }
    } catch {
      // It was cut, or is over: how tells.
    } finally {
      connection.abort();
      clearTimeout(watchdog);
      document.removeEventListener("visibilitychange", hide);
    }
    return how === "cut" && heard && Date.now() - began > settled ? "lost" : how;
  }
}

// events reads server-sent events: the fields of each by name, none for a
// comment.
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (text + value).split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      yield Object.fromEntries(block.split("\n").map((line) => {
        const colon = line.indexOf(":");
        return [line.slice(0, colon), line.slice(colon + 1).trimStart()];
      }));
    }
  }
}
