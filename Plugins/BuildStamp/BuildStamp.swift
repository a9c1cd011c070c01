import Foundation
import PackagePlugin

/// Writes the commit that is built into a Swift file, each time anything is built.
@main
struct BuildStamp: BuildToolPlugin {
  func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
    let folder = context.pluginWorkDirectoryURL
    let package = context.package.directoryURL
    return [
      .prebuildCommand(
        displayName: "Stamping the commit", executable: URL(fileURLWithPath: "/bin/sh"),
        arguments: [
          package.appendingPathComponent("Plugins/BuildStamp/stamp.sh").path, package.path,
          folder.path,
        ], outputFilesDirectory: folder)
    ]
  }
}
