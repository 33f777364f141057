// Signs in with a passkey on the sign-in page, and adds one on the account page.  Without this
// script, or where the browser has no passkeys, the pages work and do not offer them.
"use strict";
{
  // The gateway's own paths are where this script is: they may be below another path.
  const own = new URL(".", document.currentScript.src).pathname;
  // Challenges live five minutes; a waiting question gets a new one before.
  const RENEW_MS = 4 * 60 * 1000;

  const bytes = (text) =>
    Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer)))
      .replaceAll("+", "-")
      .replaceAll("/", "_")
      .replaceAll("=", "");

  class Refused extends Error {
    constructor(answer) {
      super(answer.detail || "");
      this.reason = answer.reason;
    }
  }

  const call = async (path, body) => {
    const response = await fetch(path, {
      method: "POST",
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) throw new Refused(answer);
    return answer;
  };

  // The JSON of Web Authentication Level 3, which not every browser can read and write itself.
  const written = (credential) => {
    const given = credential.response;
    const response = { clientDataJSON: text(given.clientDataJSON) };
    for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (given[name]) response[name] = text(given[name]);
    }
    if (given.getTransports) response.transports = given.getTransports();
    return { id: credential.id, rawId: credential.id, type: credential.type, response };
  };

  // The page has the texts, in its language: for what the browser says, and for reasons.
  const told = (error, texts) => {
    if (error instanceof Refused) {
      return texts.getAttribute(`data-${error.reason}`) || error.message || texts.dataset.unavailable;
    }
    return texts.getAttribute(`data-${error.name.toLowerCase()}`) || texts.dataset.failed;
  };

  const connect = (box, act, refused = () => {}) => {
    const [button, note] = [box.querySelector("button"), box.querySelector("[role=alert]")];
    const shown = note.querySelector("span") || note;
    const tell = (error) => {
      shown.textContent = told(error, box);
      note.hidden = false;
      refused(error);
    };
    let busy = false;
    button.addEventListener("click", async () => {
      // Not `disabled`, which would take the focus away from the keyboard.
      if (busy) return;
      busy = note.hidden = true;
      await act().catch(tell);
      busy = false;
    });
    box.hidden = false;
    return tell;
  };

  const signIn = (box) => {
    const path = `${own}sign-in/passkey`;
    const page = document.querySelector('input[name="return_to"]');
    // After a password, the passkey takes the place of a code.
    const step = document.querySelector('input[name="step"]');
    let waiting;
    const ask = async (more) => {
      // The browser answers one question at a time.
      if (waiting) waiting.abort();
      const mine = (waiting = new AbortController());
      const options = await call(`${path}/options`);
      if (mine.signal.aborted) return;
      const credential = await navigator.credentials.get({
        publicKey: { ...options, challenge: bytes(options.challenge) },
        signal: mine.signal,
        ...more,
      });
      const sent = { credential: written(credential), return_to: page.value };
      if (step) sent.step = step.value;
      location.assign((await call(path, sent)).return_to);
    };
    // The browser offers passkeys where it fills in the user name, and asks nothing by itself.
    const offer = async () => {
      if (step || !(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
      const renewal = setTimeout(offer, RENEW_MS);
      await ask({ mediation: "conditional" }).catch((error) => {
        if (error instanceof Refused) tell(error);
      });
      clearTimeout(renewal);
    };
    const tell = connect(box, () => ask({}), () => offer());
    offer();
  };

  const add = (box) => {
    const path = `${own}api/passkeys`;
    const link = box.querySelector("a");
    const create = async () => {
      const options = await call(`${path}/options`);
      const credential = await navigator.credentials.create({
        publicKey: {
          ...options,
          challenge: bytes(options.challenge),
          user: { ...options.user, id: bytes(options.user.id) },
          excludeCredentials: options.excludeCredentials.map((it) => ({ ...it, id: bytes(it.id) })),
        },
      });
      await call(path, { credential: written(credential), name: box.querySelector("input").value });
      location.reload();
    };
    connect(box, create, (error) => {
      link.hidden = error.reason !== "sign-in-too-old";
    });
  };

  if (window.PublicKeyCredential) {
    for (const box of document.querySelectorAll("[data-passkey]")) {
      (box.dataset.passkey === "add" ? add : signIn)(box);
    }
  }
}
