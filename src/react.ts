export { useOperation, type OperationSource, type UsedOperation } from './react/use-operation.ts';
