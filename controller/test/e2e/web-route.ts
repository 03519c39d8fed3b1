/** The Service and the Ingress of a Deployment whose pods carry `app: web` and serve on 8080: everything that comes in goes to it. */
export const WEB_ROUTE = `apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 8080}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec:
  defaultBackend: {service: {name: web, port: {number: 8080}}}
`;
