// Starts Swagger UI on the document that the page's selector names.
const selector = document.querySelector("#document");

function show() {
  document.querySelector("#source").href = selector.value;
  window.SwaggerUIBundle({
    url: selector.value,
    dom_id: "#api",
    deepLinking: true,
    displayRequestDuration: true,
    docExpansion: "list",
    filter: true,
    tryItOutEnabled: true,
    validatorUrl: null,
    presets: [window.SwaggerUIBundle.presets.apis],
    layout: "BaseLayout",
  });
}

selector.addEventListener("change", show);
show();
