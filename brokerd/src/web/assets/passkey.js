// Asks the browser for a passkey, and sends what it gives by the form that asks. Forms are hidden until this script has shown that the
// browser knows passkeys; whoever has no script reads what to do in their place.
"use strict";
(() => {
  const bytes = text => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), char => char.charCodeAt(0));
  const text = buffer =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const named = list => (list ?? []).map(one => ({ ...one, id: bytes(one.id) }));

  const made = async options => {
    const user = { ...options.user, id: bytes(options.user.id) };
    const publicKey = { ...options, user, challenge: bytes(options.challenge), excludeCredentials: named(options.excludeCredentials) };
    const { id, rawId, type, response } = await navigator.credentials.create({ publicKey });
    const { attestationObject, clientDataJSON } = response;
    const transports = response.getTransports?.() ?? [];
    return { id, rawId: text(rawId), type,
             response: { attestationObject: text(attestationObject), clientDataJSON: text(clientDataJSON), transports } };
  };

  const shown = async options => {
    const publicKey = { ...options, challenge: bytes(options.challenge), allowCredentials: named(options.allowCredentials) };
    const { id, rawId, type, response } = await navigator.credentials.get({ publicKey });
    const { authenticatorData, clientDataJSON, signature, userHandle } = response;
    return { id, rawId: text(rawId), type,
             response: { authenticatorData: text(authenticatorData), clientDataJSON: text(clientDataJSON), signature: text(signature),
                         userHandle: userHandle ? text(userHandle) : null } };
  };

  const sentence = error => {
    if (error.name === "InvalidStateError") return "This device, or key, is enrolled already.";
    if (error.name === "SecurityError") return "The browser gives no passkey to a page at this address.";
    return "No passkey came: it was refused, or took too long. Try again.";
  };

  if (!window.PublicKeyCredential) return;
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    const [button, trouble] = [form.querySelector("button"), form.querySelector("[role=alert]")];
    form.addEventListener("submit", async event => {
      event.preventDefault();
      button.disabled = trouble.hidden = true;
      try {
        const options = JSON.parse(form.dataset.options);
        const credential = await (form.dataset.passkey === "new" ? made(options) : shown(options));
        form.elements.credential.value = JSON.stringify(credential);
        form.submit();
      } catch (error) {
        trouble.textContent = sentence(error);
        trouble.hidden = button.disabled = false;
      }
    });
    form.hidden = false;
  }
  for (const instead of document.querySelectorAll("[data-without-passkeys]")) instead.hidden = true;
})();
