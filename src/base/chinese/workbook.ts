/** What the reader of workbooks says. */
export const workbookChinese: Readonly<Record<string, string>> = {
  '{0} is damaged or was not copied whole ({1}): open it in a spreadsheet program, save it again as .xlsx, and import that':
    '{0} 已损坏或没有复制完（{1}）：请用 Excel 或 WPS 打开，重新另存为 .xlsx 后再导入',
  '{0} is protected by a password: open it, take the password away, save it, and import it then':
    '{0} 加了密码：请打开并取消密码，保存后再导入',
  '{0} has a part of {1} bytes, more than {2}: divide the table, or save it as "CSV UTF-8"':
    '{0} 中有一部分达 {1} 字节，超过 {2}：请拆分表格，或另存为“CSV UTF-8”',
  '{0} is a binary workbook (.xlsb): save it as .xlsx, and import that':
    '{0} 是二进制工作簿（.xlsb）：请另存为 .xlsx 后再导入',
  '{0} is an OpenDocument file: save it as .xlsx, and import that':
    '{0} 是 OpenDocument 文件：请另存为 .xlsx 后再导入',
  '{0} is a text document: put its table into a workbook, and import that':
    '{0} 是文字文档：请把其中的表格放入工作簿后再导入',
}
