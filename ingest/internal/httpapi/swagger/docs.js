// Starts Swagger UI on this server's own document. No validator: it would send the
// document to somebody else's host.
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  validatorUrl: null,
  deepLinking: true,
  displayRequestDuration: true,
});
