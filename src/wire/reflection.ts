/** grpc.reflection over the generated descriptors, so that grpcurl and the like need no proto files. */
import { type DescFile, toBinary } from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt'
import { ReflectionService } from '@grpc/reflection'
import type { ServiceBinding } from './service.ts'

type PackageDefinition = ConstructorParameters<typeof ReflectionService>[0]

export function reflectionOf(services: readonly ServiceBinding[]): ReflectionService {
  const files = new Map<string, DescFile>()
  for (const { file } of services) collect(file, files)
  const fileDescriptorProtos = [...files.values()].map((file) =>
    Buffer.from(toBinary(FileDescriptorProtoSchema, file.proto)),
  )
  // ReflectionService reads nothing of a package definition but these encoded files.
  return new ReflectionService({ huxin: { fileDescriptorProtos } } as unknown as PackageDefinition)
}

function collect(file: DescFile, files: Map<string, DescFile>): void {
  if (files.has(file.name)) return
  files.set(file.name, file)
  for (const dependency of file.dependencies) collect(dependency, files)
}
