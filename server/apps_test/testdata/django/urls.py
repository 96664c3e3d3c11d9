from django.contrib import admin
from django.urls import path

from notes import views

urlpatterns = [
    path("", views.index, name="index"),
    path("urls/", views.urls, name="urls"),
    path("new/", views.new, name="new"),
    path("笔记/<str:title>/", views.note, name="note"),
    path("count/", views.count, name="count"),
    path("upload/", views.upload, name="upload"),
    path("admin/", admin.site.urls),
]
